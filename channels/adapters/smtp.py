"""A mail server (SMTP): a second way for email, without look-up and without call-backs."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Mapping
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, ClassVar
from urllib.parse import SplitResult, unquote, urlsplit

import certifi
from django.conf import settings as django_settings

from channels.contract import Adapter, Attachment, OutboundMessage, SendResult, Sign, Verdict
from channels.transport import NoAnswer, NotSent, seconds_allowed
from channels.verdicts import CodeMeaning, no_answer, not_sent
from journeys.language.errors import ErrorClass

_TLS_PORT = 465
_SUBMISSION_PORT = 587
#: Replies of 400 and more refuse, of 500 and more for good (RFC 5321).
_REFUSED_FROM = 400
_PERMANENT_FROM = 500
#: The server is going away, whatever was asked.
_SHUTTING_DOWN = 421
#: A password goes to these without encryption, and to no other.
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})

_CHECK_SERVER = "Check SMTP_URL and the mail server."
_BAD_LOGIN = CodeMeaning(
    ErrorClass.ACCOUNT, "The mail server does not accept the name and password in SMTP_URL."
)
_NO_LOGIN = CodeMeaning(
    ErrorClass.ACCOUNT,
    "The mail server offers no encrypted login. Use another server, or smtps:// in SMTP_URL.",
)
_BAD_SENDER = CodeMeaning(ErrorClass.ACCOUNT, "The mail server does not accept the sender in EMAIL_FROM.")
_NO_RELAY = CodeMeaning(
    ErrorClass.ACCOUNT, f"The mail server does not pass on mail to other servers for us. {_CHECK_SERVER}"
)
_BAD_RECEIVER = CodeMeaning(
    ErrorClass.USER, "The mail server does not accept the receiver's address.", "invalid"
)
_UNWANTED = CodeMeaning(
    ErrorClass.USER, "The receiver's mail server does not want this letter.", says=Sign.MISFIT
)
_FULL = CodeMeaning(ErrorClass.USER, "The receiver's mailbox is full.")
_BAD_MESSAGE = CodeMeaning(ErrorClass.PERMANENT, "The mail server does not accept the message.")
_TOO_LARGE = CodeMeaning(ErrorClass.PERMANENT, "The message is larger than the mail server takes.")
_LATER = CodeMeaning(ErrorClass.TRANSIENT, "The mail server asks us to come back later.")
#: The receiver's side puts strangers off, or its mailbox is busy: our own mail server works.
_PUT_OFF = CodeMeaning(
    ErrorClass.TRANSIENT, "The receiver's mail server asks us to come back later.", says=Sign.NOTHING
)

#: Replies that mean the same at whatever point of the conversation (RFC 5321, RFC 4954).
ANYWHERE: Mapping[int, CodeMeaning] = {
    454: CodeMeaning(ErrorClass.TRANSIENT, "The mail server can not check our login now."),
    530: _BAD_LOGIN,
    534: _BAD_LOGIN,
    535: _BAD_LOGIN,
    538: _NO_LOGIN,
}
#: (command, reply) → meaning. Not listed: of 500 and more what the command's own entry 0 says, below that later.
REPLIES: Mapping[tuple[str, int], CodeMeaning] = {
    ("MAIL", 552): _TOO_LARGE,
    ("MAIL", 0): _BAD_SENDER,
    ("RCPT", 552): _FULL,
    ("RCPT", 554): _UNWANTED,
    ("RCPT", 0): _BAD_RECEIVER,
    ("DATA", 552): _TOO_LARGE,
    ("DATA", 0): _BAD_MESSAGE,
}
#: Words beside a refusal of the receiver that have nothing to do with their address.
_RELAYING = re.compile(rb"relay|authenticat", re.IGNORECASE)
_POLICY = re.compile(
    rb"\b5\.7\.\d|spam|block|policy|denied|blacklist|reputation|dmarc|\bspf\b", re.IGNORECASE
)


class Smtp(Adapter):
    """Email through a mail server."""

    name: ClassVar[str] = "smtp"
    channels: ClassVar[tuple[str, ...]] = ("email",)
    preference: ClassVar[int] = 10
    title: ClassVar[str] = "The mail server"

    def is_configured(self, settings: Any) -> bool:
        """Tell whether there is a server."""
        return bool(settings.SMTP_URL)

    def send(self, message: OutboundMessage) -> SendResult:
        """Hand the message to the server; its answer after the last dot of DATA is what counts."""
        try:
            mail = compose(message)
        except (ValueError, IndexError, MessageError):
            # IndexError is how the standard library's address parser takes an empty address.
            return _BAD_RECEIVER.result("smtp_bad_address")
        parts = urlsplit(django_settings.SMTP_URL)
        try:
            server = _connect(parts)
        except smtplib.SMTPAuthenticationError as error:
            return _judge("AUTH", error.smtp_code, b"")
        except smtplib.SMTPNotSupportedError:
            return _NO_LOGIN.result("smtp_no_login")
        except (OSError, smtplib.SMTPException) as error:
            return not_sent("The mail server", NotSent(type(error).__name__))
        try:
            return _transfer(server, mail, message)
        finally:
            server.close()


def compose(message: OutboundMessage) -> EmailMessage:
    """Build the mail; its Message-ID carries the message's public id."""
    mail = EmailMessage()
    domain = message.sender.rpartition("@")[2] or "localhost"
    mail["From"] = Address(display_name=message.sender_name, addr_spec=message.sender)
    mail["To"] = Address(display_name=message.recipient_name, addr_spec=message.address)
    if message.reply_to:
        mail["Reply-To"] = Address(addr_spec=message.reply_to)
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(message.handed_over_at)
    mail["Message-ID"] = f"<{message.message_id}@{domain}>"
    if message.unsubscribe_url:
        mail["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(message.text)
    if message.html:
        mail.add_alternative(message.html, subtype="html")
    for file in message.attachments:
        _attach(mail, file)
    return mail


def _attach(mail: EmailMessage, file: Attachment) -> None:
    """Add a file; an invitation is also a part of the letter, which is where mail programs look for one."""
    main, _, sub = file.content_type.partition("/")
    if file.calendar_method:
        mail.add_alternative(
            file.content.decode(),
            subtype=sub,
            params={"method": file.calendar_method},
            cte="quoted-printable",
        )
        # A second text/calendar would be taken for a second invitation.
        main, sub = "application", "ics"
    mail.add_attachment(file.content, maintype=main, subtype=sub, filename=file.name)


def _connect(parts: SplitResult) -> smtplib.SMTP:
    """Connect, encrypt and log in; nothing of the message has gone out when this fails."""
    timeout = seconds_allowed(django_settings.PROVIDER_TIMEOUT_SECONDS)
    context = ssl.create_default_context(cafile=certifi.where())
    host = parts.hostname or ""
    server: smtplib.SMTP
    if parts.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, parts.port or _TLS_PORT, timeout=timeout, context=context)
    else:
        server = smtplib.SMTP(host, parts.port or _SUBMISSION_PORT, timeout=timeout)
    try:
        server.ehlo_or_helo_if_needed()
        encrypted = parts.scheme == "smtps"
        if parts.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=context)
            encrypted = True
        if parts.username and not (encrypted or host in _THIS_MACHINE):
            raise smtplib.SMTPNotSupportedError
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except (OSError, smtplib.SMTPException):
        server.close()
        raise
    return server


def _transfer(server: smtplib.SMTP, mail: EmailMessage, message: OutboundMessage) -> SendResult:
    """Speak MAIL, RCPT and DATA one by one: only from DATA on can an error leave the message in doubt."""
    try:
        for command, speak, address in (
            ("MAIL", server.mail, message.sender),
            ("RCPT", server.rcpt, message.address),
        ):
            code, said = speak(address)
            if code >= _REFUSED_FROM:
                return _judge(command, code, said)
    except (OSError, smtplib.SMTPException, UnicodeError) as error:
        return not_sent("The mail server", NotSent(type(error).__name__))
    try:
        code, said = server.data(mail.as_bytes())
    except smtplib.SMTPDataError as error:
        code, said = int(error.smtp_code), b""
    except (OSError, smtplib.SMTPException) as error:
        return no_answer("The mail server", NoAnswer(type(error).__name__))
    if code >= _REFUSED_FROM:
        return _judge("DATA", code, said)
    return SendResult(Verdict.ACCEPTED, provider_id=str(mail["Message-ID"]))


def _judge(command: str, code: int, said: bytes) -> SendResult:
    """Judge a reply: by its number, then by the command it answers; 4 means later, 5 means never (RFC 5321)."""
    return _meaning(command, code, said).result(f"smtp_{code}")


def _meaning(command: str, code: int, said: bytes) -> CodeMeaning:
    if code in ANYWHERE:
        return ANYWHERE[code]
    if code < _PERMANENT_FROM:
        return _PUT_OFF if command == "RCPT" and code != _SHUTTING_DOWN else _LATER
    if command == "RCPT" and _RELAYING.search(said):
        return _NO_RELAY
    if command == "RCPT" and _POLICY.search(said):
        return _UNWANTED
    return REPLIES.get((command, code)) or REPLIES.get((command, 0), _BAD_LOGIN)
