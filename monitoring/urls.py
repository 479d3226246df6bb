"""Addresses of the monitor, of health, and of logging in."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path, re_path
from django.views.generic import RedirectView

from monitoring import live
from monitoring.views import couples, health, instances, journeys, overview, tickets

urlpatterns = [
    path("", RedirectView.as_view(url="/journey-monitor/")),
    # Pages that are not ours (admin, API docs) make browsers ask for it here.
    path("favicon.ico", RedirectView.as_view(url="/static/journeys/icon.svg")),
    re_path(r"^login/?$", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    re_path(r"^logout/?$", LogoutView.as_view(), name="logout"),
    re_path(r"^health/live/?$", health.live, name="health-live"),
    re_path(r"^health/ready/?$", health.ready, name="health-ready"),
    re_path(r"^metrics/?$", health.metrics, name="metrics"),
    path("journey-monitor", RedirectView.as_view(url="/journey-monitor/")),
    path("journey-monitor/", overview.overview_page, name="monitor"),
    re_path(r"^journey-monitor/vendor/?$", overview.choose_vendor, name="monitor-vendor"),
    re_path(r"^journey-monitor/live/?$", live.live, name="monitor-live"),
    re_path(r"^journey-monitor/instances/?$", instances.instance_list, name="monitor-instances"),
    re_path(r"^journey-monitor/instances/act/?$", instances.instance_act, name="monitor-instances-act"),
    re_path(r"^journey-monitor/couples/?$", couples.couple_list, name="monitor-couples"),
    re_path(
        r"^journey-monitor/couples/(?P<client_id>cli_\w+)/?$", couples.couple_timeline, name="monitor-couple"
    ),
    re_path(
        r"^journey-monitor/couples/(?P<client_id>cli_\w+)/move/?$",
        couples.couple_move,
        name="monitor-couple-move",
    ),
    re_path(r"^journey-monitor/journeys/?$", journeys.journey_list, name="monitor-journeys"),
    re_path(
        r"^journey-monitor/journeys/(?P<journey_id>jrn_\w+)/?$", journeys.journey_page, name="monitor-journey"
    ),
    re_path(r"^journey-monitor/tickets/?$", tickets.ticket_list, name="monitor-tickets"),
    re_path(
        r"^journey-monitor/tickets/(?P<ticket_id>tkt_\w+)/(?P<deed>retry|skip|cancel)/?$",
        tickets.ticket_act,
        name="monitor-ticket-act",
    ),
]
