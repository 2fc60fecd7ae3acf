"""HTTP calls to addresses that clients gave us, and the keys those calls need."""
