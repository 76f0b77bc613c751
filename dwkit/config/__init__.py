"""The only reader of ``dwkit.toml`` and the model files; finds the project's folder."""

from dwkit.config.find import find_project
from dwkit.config.models import load_models, parse_model
from dwkit.config.project import Dataset, ProjectConfig, Retention, load_config, placed

__all__ = [
    "Dataset",
    "ProjectConfig",
    "Retention",
    "find_project",
    "load_config",
    "load_models",
    "parse_model",
    "placed",
]
