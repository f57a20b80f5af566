# What by_hand.sh runs on the server. Arguments: COMMIT PROJECT VIRTUALENV WSGI URL DATABASE
set -euo pipefail
commit=$1 project=$2 virtualenv=$3 wsgi=$4 url=$5 database=$6
cd "$project"

git fetch --quiet origin main
git diff --quiet HEAD "$commit" -- requirements.txt || "$virtualenv/bin/pip" install --quiet -r requirements.txt

mkdir -p ~/backups
mysqldump --defaults-file="$HOME/.my.cnf" --single-transaction --quick --no-tablespaces --routines --triggers \
    --hex-blob --set-gtid-purged=OFF "$database" | gzip > ~/backups/"$(date -u +%Y%m%dT%H%M%SZ)".sql.gz

git merge --quiet --ff-only "$commit"
echo "$commit" > REVISION
FLASK_ENV=production FLASK_APP=app "$virtualenv/bin/flask" db upgrade 2> /dev/null

touch "$wsgi"
until curl --silent --max-time 30 "$url/health" | grep --quiet "$commit"; do
    sleep 0.1
done
