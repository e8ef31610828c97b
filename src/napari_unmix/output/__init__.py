"""What a run leaves behind: its folder, its page, its pictures."""
