"""Addresses of the channels: call-backs, the sink, the way out."""

from __future__ import annotations

from django.urls import re_path

from channels.api.hooks import provider_hook
from channels.pages.sink import sink_body, sink_file, sink_list, sink_message
from channels.pages.unsubscribing import way_out

urlpatterns = [
    re_path(r"^hooks/(?P<provider>[a-z0-9_]+)/?$", provider_hook, name="provider-hook"),
    re_path(r"^hooks/(?P<provider>[a-z0-9_]+)/(?P<token>[^/]+)/?$", provider_hook, name="message-hook"),
    re_path(r"^sink/?$", sink_list, name="sink"),
    re_path(r"^sink/(?P<public_id>snk_\w+)/?$", sink_message, name="sink-message"),
    re_path(r"^sink/(?P<public_id>snk_\w+)/body/?$", sink_body, name="sink-body"),
    re_path(r"^sink/(?P<public_id>snk_\w+)/files/(?P<number>[0-9]{1,2})/?$", sink_file, name="sink-file"),
    re_path(r"^u/(?P<token>[^/]+)/?$", way_out, name="way-out"),
]
