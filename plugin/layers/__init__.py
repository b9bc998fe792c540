"""How results look: styles and metadata beside the files, and how they come into the project."""
