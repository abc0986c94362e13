"""The pages that people open: the operator's dashboard and the editor of a card."""
