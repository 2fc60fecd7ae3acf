"""The kinds of evaluation, a module each: how answers of that kind become events."""
