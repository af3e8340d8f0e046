"""Reports on a compilation: they read its artefacts and nothing else."""
