"""What the bot does when somebody writes or presses something."""
