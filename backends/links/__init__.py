"""Download the files behind links that users send."""
