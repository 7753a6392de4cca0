"""What a model or a run is, written down: the schema, its YAML files and how they are read."""
