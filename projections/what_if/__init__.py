"""What if: each recorded turn judged anew under another behaviour, on the history as it was recorded (decision 0029)."""
