"""Pictures of segmented images for slides and papers."""
