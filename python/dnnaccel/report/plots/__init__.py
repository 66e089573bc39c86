"""Pictures for a paper, drawn by matplotlib: one kind a file, `kinds` lists them, `style` is shared."""
