#!/usr/bin/env bash
# A release as somebody writes it who knows how: one push, one login, and all the rest in that one session.
# Usage: by_hand.sh HOST PORT USER KEY KNOWN_HOSTS PROJECT VIRTUALENV WSGI URL DATABASE
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"
git push --quiet origin main
here=$(dirname "${BASH_SOURCE[0]}")
ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$5" -o IdentitiesOnly=yes -i "$4" \
    -p "$2" "$3@$1" "$(printf '%q ' bash -s -- "$(git rev-parse HEAD)" "${@:6}")" < "$here/by_hand_there.sh"
