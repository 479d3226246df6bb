"""Answers as YAML files, for those who ask with `?format=yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from rest_framework.renderers import BaseRenderer

from journeys.services.template_files import FIELDS, TemplateFile, written


class TemplateYaml(BaseRenderer):
    """Write a template as its file; refusals are YAML too."""

    media_type = "application/yaml"
    format = "yaml"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Give the bytes of the file."""
        del accepted_media_type, renderer_context
        if isinstance(data, dict) and data.keys() <= set(FIELDS) and "definition" in data:
            return written(TemplateFile(**data)).encode()
        return yaml.safe_dump(data, allow_unicode=True, sort_keys=False).encode()
