"""Loading rules: what a rule set may choose, and what is refused before anything is billed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from integration_pipeline.billing.custom import Parameters
from integration_pipeline.billing.policies import DEFAULT, DayCount
from integration_pipeline.rules.custom_rules import InvalidCustomRule
from integration_pipeline.rules.document import read_rule_set
from integration_pipeline.yaml_documents import InvalidDocument
from integration_pipeline_tests.rules.conftest import ReadRules
from integration_pipeline_tests.rules.packages import offer

CHOICES = Path(__file__).with_name("example_rules.yaml").read_text()
NO_LIMIT = "def no_limit(*, document, terms, parameters):\n    return None\n"


class TestAnInstalledPackage:
    def test_bills_in_a_process_that_only_finds_it_on_its_path(
        self, example: Path, rules_choosing: ReadRules, tmp_path: Path
    ) -> None:
        rules_choosing(CHOICES, example)
        finished = subprocess.run(  # noqa: S603 - this interpreter, on a fixed program
            [sys.executable, "-c", _BILL, str(tmp_path / "rules.yaml")],
            env={"PYTHONPATH": str(example)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert finished.stdout.splitlines() == [
            # 14 of January's 21 working days, as the 1st is closed.
            "2026-01-13..2026-02-01 802.71 USD",
            "(12 × 105.6200 USD (105.6200 is 100.00 × 118.4 / 112.1 to 4 decimals; "
            'indexed of example-billing-rules 1.0.0) − loyalty {"at_most":10,"per_thousand":5}: 63.372 USD) '
            "× 2/3 of 2026-01-01..2026-02-01 (working_days of example-billing-rules 1.0.0) = 802.71 USD",
            "default/2, example-billing-rules 1.0.0",
        ]

    def test_is_not_imported_to_read_a_rule_set(self, rules_choosing: ReadRules, tmp_path: Path) -> None:
        package = offer(tmp_path, "raise SystemError('imported')", "hold.never = never")
        rules = rules_choosing(f"custom_rules: {{packages: [{package}]}}")
        assert rules.custom_rules.packages == (package,)

    def test_that_the_rule_set_does_not_name_is_left_alone(
        self, rules_choosing: ReadRules, tmp_path: Path
    ) -> None:
        offer(tmp_path, "raise SystemError('imported')", "charge_model.never = never")
        assert rules_choosing("").policies == DEFAULT


class TestARuleSet:
    def test_says_in_its_policies_which_package_computed(
        self, example: Path, rules_choosing: ReadRules
    ) -> None:
        policies = rules_choosing(CHOICES, example).policies
        assert policies.version == f"{DEFAULT.version}, example-billing-rules 1.0.0"
        assert policies.as_json()["custom"] == {
            "charge_model.indexed": "example-billing-rules 1.0.0 {}",
            "discount.loyalty": "example-billing-rules 1.0.0 {}",
            "hold.large_documents": 'example-billing-rules 1.0.0 {"EUR":"4500","USD":"5000"}',
            "numbering.by_year": "example-billing-rules 1.0.0 {}",
            "proration.working_days": 'example-billing-rules 1.0.0 {"closed":["2026-01-01","2026-12-25"]}',
        }

    def test_has_another_version_with_other_rules(self, example: Path, rules_choosing: ReadRules) -> None:
        assert rules_choosing(CHOICES, example).version != read_rule_set().version

    def test_keeps_its_day_count_without_a_proration(self, example: Path, rules_choosing: ReadRules) -> None:
        rules = rules_choosing("custom_rules: {packages: [example-billing-rules==1.0.0]}", example)
        assert rules.policies.day_count is DayCount.ACTUAL

    def test_gives_a_rule_its_parameters(self, example: Path, rules_choosing: ReadRules) -> None:
        proration = rules_choosing(CHOICES, example).policies.custom.proration
        assert proration is not None
        assert proration.parameters == Parameters.of({"closed": ["2026-01-01", "2026-12-25"]})

    @pytest.mark.parametrize(
        ("choices", "complaint"),
        [
            (
                "packages: [no-such-rules==1.0]",
                "no-such-rules is not installed; run: pip install no-such-rules==1.0",
            ),
            ("packages: [acme-rules==1.1.0]", "installed as 1.0.0, but the rule set approves 1.1.0"),
            ("packages: [acme-rules]", "should match pattern"),
            ("packages: [pytest==PYTEST]", "has no entry points of the group integration_pipeline.rules"),
            (
                "packages: [acme-rules==1.0.0], holds: [{rule: limit}]",
                r"hold 'limit' is not offered .* there is hold 'no_limit' of acme-rules 1\.0\.0",
            ),
            ("holds: [{rule: limit}]", r"by the packages \(none\)"),
            (
                "packages: [acme-rules==1.0.0], holds: [{rule: no_limit, parameters: {a: 1.5}}]",
                r'rules.yaml:\d+: custom_rules.holds.0.parameters: .* write it as text: "1.5"',
            ),
        ],
    )
    def test_that_chooses_what_is_not_there_is_refused(
        self, choices: str, complaint: str, rules_choosing: ReadRules, tmp_path: Path
    ) -> None:
        offer(tmp_path, NO_LIMIT, "hold.no_limit = no_limit")
        with pytest.raises(InvalidDocument, match=complaint):
            rules_choosing(f"custom_rules: {{{choices.replace('PYTEST', pytest.__version__)}}}")

    def test_with_two_packages_that_share_a_name_is_refused(
        self, rules_choosing: ReadRules, tmp_path: Path
    ) -> None:
        one = offer(tmp_path, NO_LIMIT, "hold.no_limit = no_limit")
        other = offer(tmp_path, NO_LIMIT, "hold.no_limit = no_limit", name="other-rules")
        with pytest.raises(
            InvalidDocument, match="has the name of a rule of acme-rules; leave one package out"
        ):
            rules_choosing(f"custom_rules: {{packages: [{one}, {other}]}}")

    def test_with_an_entry_point_of_an_unknown_kind_is_refused(
        self, rules_choosing: ReadRules, tmp_path: Path
    ) -> None:
        package = offer(tmp_path, NO_LIMIT, "surcharge.any = no_limit")
        with pytest.raises(
            InvalidDocument, match=r"'surcharge\.any' of acme-rules 1\.0\.0 is not named <kind>"
        ):
            rules_choosing(f"custom_rules: {{packages: [{package}]}}")

    @pytest.mark.parametrize(
        ("source", "complaint"),
        [
            ("raise RuntimeError('no licence')", "cannot be imported: RuntimeError: no licence"),
            ("", "cannot be imported: AttributeError"),
            (
                "price = 12",
                "is int; it has to be a function that takes quantity, parameters, currency by keyword",
            ),
            (
                "def price(quantity, rate): ...",
                r"takes \(quantity, rate\); .*missing a required argument: 'rate'",
            ),
            (
                "def price(quantity, parameters, currency, date): ...",
                r"takes .*, date\); .*missing a required argument: 'date'",
            ),
            ("async def price(quantity, parameters, currency): ...", "is function; it has to be a function"),
        ],
    )
    def test_with_a_function_that_cannot_be_asked_is_refused(
        self, source: str, complaint: str, rules_choosing: ReadRules, tmp_path: Path
    ) -> None:
        package = offer(tmp_path, source, "charge_model.usual = price")
        rules = rules_choosing(f"custom_rules: {{packages: [{package}]}}")
        with pytest.raises(InvalidCustomRule, match=f"charge_model 'usual' of acme-rules 1.0.0 {complaint}"):
            _ = rules.policies


_BILL = """
import sys
from pathlib import Path
from integration_pipeline.billing.schedule import build_schedule
from integration_pipeline.billing.terms import load_terms
from integration_pipeline.rules.document import read_rule_set

terms = load_terms({
    "contract_id": "C-1", "customer": "acme", "entity": "us", "currency": "USD", "start": "2026-01-13",
    "term_months": 3, "payment_terms": {"net_days": 30}, "anchor": {"kind": "calendar"},
    "charges": [{
        "charge_id": "seats", "description": "Seats", "quantity": 12, "frequency": "monthly",
        "price": {"model": "custom", "name": "indexed", "parameters": {
            "unit_price": "100.00", "base_index": "112.1", "index": "118.4",
        }},
        "discounts": [{"custom": "loyalty", "parameters": {"per_thousand": 5, "at_most": 10}}],
    }],
})
line = build_schedule(terms, read_rule_set(Path(sys.argv[1])).policies).lines[0]
print(line.service_period, line.amount.format())
print(line.explanation.formula)
print(line.explanation.rule_version)
"""
