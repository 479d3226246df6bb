"""Addresses of the monitor, of health, and of logging in."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path, re_path
from django.views.generic import RedirectView

from monitoring import live
from monitoring.views import (
    ahead,
    alerts,
    approvals,
    couples,
    forecasts,
    health,
    instances,
    journeys,
    moves,
    overview,
    plans,
    rolling_back,
    tasks,
    tickets,
    versions,
)

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
    re_path(
        r"^journey-monitor/instances/roll-back/?$", rolling_back.roll_back_many, name="monitor-roll-back-many"
    ),
    re_path(
        r"^journey-monitor/instances/(?P<instance_id>ins_\w+)/roll-back/?$",
        rolling_back.roll_back_one,
        name="monitor-roll-back",
    ),
    re_path(r"^journey-monitor/couples/?$", couples.couple_list, name="monitor-couples"),
    re_path(
        r"^journey-monitor/couples/(?P<client_id>cli_\w+)/?$", couples.couple_timeline, name="monitor-couple"
    ),
    re_path(
        r"^journey-monitor/couples/(?P<client_id>cli_\w+)/move/?$",
        moves.couple_move,
        name="monitor-couple-move",
    ),
    re_path(
        r"^journey-monitor/couples/(?P<client_id>cli_\w+)/move/undo/?$",
        moves.couple_move_undo,
        name="monitor-couple-move-undo",
    ),
    re_path(
        r"^journey-monitor/couples/(?P<client_id>cli_\w+)/cancel/?$",
        moves.couple_cancel,
        name="monitor-couple-cancel",
    ),
    re_path(
        r"^journey-monitor/instances/(?P<instance_id>ins_\w+)/plan/?$",
        plans.instance_plan,
        name="monitor-instance-plan",
    ),
    re_path(
        r"^journey-monitor/instances/(?P<instance_id>ins_\w+)/plan/confirm/?$",
        plans.instance_plan_confirm,
        name="monitor-instance-plan-confirm",
    ),
    re_path(r"^journey-monitor/journeys/?$", journeys.journey_list, name="monitor-journeys"),
    re_path(
        r"^journey-monitor/journeys/(?P<journey_id>jrn_\w+)/?$", journeys.journey_page, name="monitor-journey"
    ),
    re_path(
        r"^journey-monitor/journeys/(?P<journey_id>jrn_\w+)/ahead/?$",
        ahead.journey_ahead,
        name="monitor-journey-ahead",
    ),
    re_path(
        r"^journey-monitor/instances/(?P<instance_id>ins_\w+)/why/?$",
        ahead.instance_why,
        name="monitor-instance-why",
    ),
    re_path(r"^journey-monitor/alerts/?$", alerts.alert_list, name="monitor-alerts"),
    re_path(
        r"^journey-monitor/alerts/(?P<alert_id>alr_\w+)/acknowledge/?$",
        alerts.alert_take_up,
        name="monitor-alert-acknowledge",
    ),
    re_path(r"^journey-monitor/in-doubt/?$", alerts.doubt_list, name="monitor-doubts"),
    re_path(
        r"^journey-monitor/in-doubt/(?P<message_id>msg_\w+)/settle/?$",
        alerts.doubt_act,
        name="monitor-doubt-settle",
    ),
    re_path(r"^journey-monitor/approvals/?$", approvals.approval_list, name="monitor-approvals"),
    re_path(r"^journey-monitor/approvals/ahead/?$", approvals.approval_ahead, name="monitor-approvals-ahead"),
    re_path(r"^journey-monitor/approvals/act/?$", approvals.approval_bulk, name="monitor-approvals-act"),
    re_path(
        r"^journey-monitor/approvals/(?P<approval_id>apr_\w+)/?$",
        approvals.approval_page,
        name="monitor-approval",
    ),
    re_path(
        r"^journey-monitor/approvals/(?P<approval_id>apr_\w+)/decide/?$",
        approvals.approval_decide,
        name="monitor-approval-decide",
    ),
    re_path(
        r"^journey-monitor/journeys/(?P<journey_id>jrn_\w+)/versions/?$",
        versions.version_list,
        name="monitor-versions",
    ),
    re_path(
        r"^journey-monitor/journeys/(?P<journey_id>jrn_\w+)/publish/?$",
        versions.publish,
        name="monitor-publish",
    ),
    re_path(
        r"^journey-monitor/journeys/(?P<journey_id>jrn_\w+)/unpin/?$", versions.unpin, name="monitor-unpin"
    ),
    re_path(
        r"^journey-monitor/journeys/(?P<journey_id>jrn_\w+)/changeovers/(?P<changeover_id>chg_\w+)/undo/?$",
        versions.undo,
        name="monitor-changeover-undo",
    ),
    re_path(r"^journey-monitor/forecast/?$", forecasts.forecast_page, name="monitor-forecast"),
    re_path(r"^journey-monitor/tasks/?$", tasks.task_list, name="monitor-tasks"),
    re_path(
        r"^journey-monitor/tasks/(?P<task_id>tsk_\w+)/done/?$", tasks.task_done, name="monitor-task-done"
    ),
    re_path(r"^journey-monitor/tickets/?$", tickets.ticket_list, name="monitor-tickets"),
    re_path(
        r"^journey-monitor/tickets/(?P<ticket_id>tkt_\w+)/?$", tickets.ticket_page, name="monitor-ticket"
    ),
    re_path(
        r"^journey-monitor/tickets/(?P<ticket_id>(?:tkt|tln)_\w+)/(?P<deed>retry|skip|cancel|resend|mark-sent)/?$",
        tickets.ticket_act,
        name="monitor-ticket-act",
    ),
    re_path(
        r"^journey-monitor/tickets/(?P<ticket_id>(?:tkt|tln)_\w+)/edit/?$",
        tickets.ticket_edit,
        name="monitor-ticket-edit",
    ),
    re_path(
        r"^journey-monitor/tickets/(?P<ticket_id>tkt_\w+)/(?P<deed>take|give-back)/?$",
        tickets.ticket_take,
        name="monitor-ticket-take",
    ),
]
