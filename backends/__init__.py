"""The places where the person in a clip is cut out."""
