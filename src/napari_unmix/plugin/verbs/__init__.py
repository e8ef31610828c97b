"""What a user can do, and what runs for it."""
