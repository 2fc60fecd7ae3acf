"""What kinds of errors boxes and masks have, in TIDE's sense, and what each kind costs."""
