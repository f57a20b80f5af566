"""What is kept on the account: journal, lock, history."""
