"""Endpoints Stripe does not have, under `/_sandbox/`: money that moves, limits, secrets, sums."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integration_pipeline.sandbox.stripe import charges, customers, disputes, payments, payouts, refunds
from integration_pipeline.sandbox.stripe.account import Account
from integration_pipeline.sandbox.stripe.balance import Settlement, check_amount, enter
from integration_pipeline.sandbox.stripe.errors import invalid, no_such
from integration_pipeline.sandbox.stripe.intents import open_intent
from integration_pipeline.sandbox.stripe.limits import Limits
from integration_pipeline.sandbox.stripe.objects import Body
from integration_pipeline.sandbox.stripe.orders import (
    EndOfDispute,
    NewDispute,
    NewFee,
    NewPayment,
    NewPayout,
    NewRefund,
    NewSecret,
)
from integration_pipeline.sandbox.stripe.params import Params
from integration_pipeline.sandbox.stripe.serving import Office
from integration_pipeline.sandbox.stripe.webhooks import Signer
from integration_pipeline.sandbox.told import ADMIN_ROOT, Refused, told
from integration_pipeline.transport.json_types import dump_json


@dataclass(frozen=True, slots=True)
class Admin:
    """The account as those see it who make things happen in it."""

    office: Office
    signer: Signer

    @property
    def _account(self) -> Account:
        return self.office.account

    def routes(self) -> list[Route]:
        """They need the admin key, count against no limit and meet no fault."""
        table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("POST", "/payments", self.pay),
            ("POST", "/payments/{id}/{step}", self.go_on_with_payment),
            ("POST", "/refunds", self.refund),
            ("POST", "/refunds/{id}/{step}", self.go_on_with_refund),
            ("POST", "/disputes", self.dispute),
            ("POST", "/disputes/{id}/close", self.end_dispute),
            ("POST", "/payouts", self.pay_out),
            ("POST", "/payouts/{id}/{step}", self.go_on_with_payout),
            ("POST", "/fees", self.charge_fee),
            ("POST", "/webhook_secrets", self.rotate),
            ("PUT", "/limits", self.put_limits),
            ("GET", "/counts", self.counts),
            ("GET", "/totals", self.totals),
            ("POST", "/reset", self.reset),
        ]
        return [Route(f"{ADMIN_ROOT}{path}", handler, methods=[method]) for method, path, handler in table]

    async def pay(self, request: Request) -> Response:
        """`POST /_sandbox/payments`: the charge."""
        new = await told(request, NewPayment)
        account = self._account
        with account.changing():
            check_amount(new.amount, new.currency)
            customer = self._customer(new)
            intent, allocations = self._intent(new, customer)
            if new.method == "bank_debit":
                intent = account.change(intent, {"payment_method": "pm_usBankAccount"})
                intent = payments.confirm_intent(account, Params({}), intent["id"])
                charge = account.find("charge", intent["latest_charge"])
            else:
                charge = payments.receive(account, intent, _terms(new), allocations)
        return _shown(charge)

    async def go_on_with_payment(self, request: Request) -> Response:
        """`POST /_sandbox/payments/{charge}/settle|succeed|fail`."""
        charge = self._named(request, "charge")
        with self._account.changing():
            match request.path_params["step"]:
                case "settle" if charge["balance_transaction"] is None:
                    changed = charges.settle(self._account, charge, charges.Terms())
                case "succeed" | "fail" as step if charge["status"] == "pending":
                    changed = payments.end_pending(self._account, charge, succeeded=step == "succeed")
                case step:
                    raise Refused(f"{charge['id']} is {charge['status']} and cannot {step}")
        return _shown(changed)

    async def refund(self, request: Request) -> Response:
        """`POST /_sandbox/refunds`"""
        new = await told(request, NewRefund)
        with self._account.changing():
            charge = self._account.find("charge", new.charge)
            made = refunds.make(self._account, charge, new.amount, reason=new.reason, pending=new.pending)
        return _shown(made)

    async def go_on_with_refund(self, request: Request) -> Response:
        """`POST /_sandbox/refunds/{id}/succeed|fail`"""
        refund = self._named(request, "refund")
        step = _step(request, {"succeed": refunds.arrived, "fail": refunds.failed})
        with self._account.changing():
            changed = step(self._account, refund)
        return _shown(changed)

    async def dispute(self, request: Request) -> Response:
        """`POST /_sandbox/disputes`"""
        new = await told(request, NewDispute)
        with self._account.changing():
            charge = self._account.find("charge", new.charge)
            opened = disputes.open_dispute(self._account, charge, new.amount, reason=new.reason, fee=new.fee)
        return _shown(opened)

    async def end_dispute(self, request: Request) -> Response:
        """`POST /_sandbox/disputes/{id}/close`"""
        dispute = self._named(request, "dispute")
        ending = await told(request, EndOfDispute)
        with self._account.changing():
            ended = disputes.end(self._account, dispute, ending.outcome, fee_returned=ending.fee_returned)
        return _shown(ended)

    async def pay_out(self, request: Request) -> Response:
        """`POST /_sandbox/payouts`"""
        new = await told(request, NewPayout)
        with self._account.changing():
            payout = payouts.sweep(self._account, new.currency, with_pending=new.with_pending)
            if new.paid:
                payout = payouts.arrived(self._account, payout)
        return _shown(payout)

    async def go_on_with_payout(self, request: Request) -> Response:
        """`POST /_sandbox/payouts/{id}/pay|fail`"""
        payout = self._named(request, "payout")
        step = _step(request, {"pay": payouts.arrived, "fail": payouts.failed})
        with self._account.changing():
            changed = step(self._account, payout)
        return _shown(changed)

    async def charge_fee(self, request: Request) -> Response:
        """`POST /_sandbox/fees`: the balance transaction."""
        new = await told(request, NewFee)
        with self._account.changing():
            transaction = enter(
                self._account,
                kind="stripe_fee",
                amount=-new.amount,
                currency=new.currency,
                source=None,
                category="fee",
                description=new.description,
            )
        return _shown(transaction)

    async def rotate(self, request: Request) -> Response:
        """`POST /_sandbox/webhook_secrets`: `{"secret", "expires_seconds"}`, for the secrets so far."""
        new = await told(request, NewSecret)
        now_ms = self._account.clock.now_ms()
        self.signer.rotate(new.secret.get_secret_value(), now_ms, new.expires_seconds)
        return JSONResponse({"valid": len(self.signer.secrets(now_ms))})

    async def put_limits(self, request: Request) -> Response:
        """`PUT /_sandbox/limits`: those named change; `null` switches one off."""
        limits = await told(request, Limits)
        changed = self.office.limiter.limits.model_copy(update=limits.model_dump(exclude_unset=True))
        self.office.limiter.change(changed)
        return JSONResponse(changed.model_dump())

    async def counts(self, _: Request) -> Response:
        """`GET /_sandbox/counts`: how many objects of each kind."""
        return JSONResponse(dict(self._account.objects.totals()))

    async def totals(self, _: Request) -> Response:
        """`GET /_sandbox/totals`: balance transactions by type and currency: count, amount, fee, net."""
        rows = self._account.file.rows(
            "SELECT type, currency, count(*), sum(json_extract(body, '$.amount')),"
            " sum(json_extract(body, '$.fee')), sum(json_extract(body, '$.net'))"
            " FROM objects WHERE kind = 'balance_transaction' GROUP BY 1, 2 ORDER BY 1, 2"
        )
        names = ("type", "currency", "count", "amount", "fee", "net")
        return JSONResponse({"totals": [dict(zip(names, row, strict=True)) for row in rows]})

    async def reset(self, _: Request) -> Response:
        """`POST /_sandbox/reset`: an empty account; secrets, limits and faults stay."""
        with self._account.file.transaction():
            self._account.objects.empty()
        self._account.notifications.reset()
        return Response(status_code=204)

    def _named(self, request: Request, kind: str) -> Body:
        return self._account.find(kind, request.path_params["id"])

    def _customer(self, new: NewPayment) -> str | None:
        if new.customer is not None:
            return self._account.find("customer", new.customer)["id"]
        if new.payer is None:
            return None
        known = self._account.objects.customer_with(new.payer.email) if new.payer.email else None
        if known is not None:
            return known["id"]
        given: dict[str, str | None] = {"name": new.payer.name, "email": new.payer.email}
        params = Params({name: value for name, value in given.items() if value})
        return customers.create(self._account, params)["id"]

    def _invoice(self, named: str) -> Body:
        objects = self._account.objects
        found = objects.find("invoice", named) or objects.invoice_numbered(named)
        if found is None:
            raise no_such("invoice", named)
        if found["status"] not in ("open", "uncollectible"):
            raise invalid(f"Invoice {found['id']} is {found['status']}, so nothing can be paid of it.")
        return found

    def _intent(self, new: NewPayment, customer: str | None) -> tuple[Body, list[payments.Allocation]]:
        """What is charged, and the invoices it goes to."""
        towards = [payments.Allocation(self._invoice(each.invoice), each.amount) for each in new.invoices]
        if new.invoice is not None:
            invoice = self._invoice(new.invoice)
            customer = customer or invoice["customer"]
            towards.append(payments.Allocation(invoice, new.amount))
        intent = open_intent(
            self._account,
            new.amount,
            new.currency,
            customer=customer,
            description=new.description,
            metadata=new.metadata,
            statement_descriptor=new.statement_descriptor,
        )
        return intent, towards


def _terms(new: NewPayment) -> charges.Terms:
    settlement = None
    if new.settle_currency is not None and new.exchange_rate is not None:
        settlement = Settlement(new.settle_currency, new.exchange_rate)
    return charges.Terms(
        fee=new.fee,
        settlement=settlement,
        payer_name=new.payer and new.payer.name,
        payer_email=new.payer and new.payer.email,
        delayed=new.delayed,
    )


def _step(
    request: Request, steps: dict[str, Callable[[Account, Body], Body]]
) -> Callable[[Account, Body], Body]:
    step = steps.get(request.path_params["step"])
    if step is None:
        raise Refused(f"there is no step {request.path_params['step']!r}; there are {', '.join(steps)}")
    return step


def _shown(body: Body) -> Response:
    return Response(dump_json(body), media_type="application/json")
