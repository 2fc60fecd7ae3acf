"""What requests of prompts may hold, and what is answered."""
