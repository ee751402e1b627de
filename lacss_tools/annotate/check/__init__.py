"""The check of LOIs and masks before training: measure each field, judge the set, say what to do, show the worst."""
