"""The check of LOIs and masks before training: measure each image, judge the set, say what to do, show the worst."""
