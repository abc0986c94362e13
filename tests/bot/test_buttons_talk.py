"""Every button of a card and of a result, pressed once, in both languages."""
