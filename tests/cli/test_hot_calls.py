"""What the store does often is held to its plans and its steps by tests/unit/test_plans.c: all of it."""

import re

from harness import ROOT, Case

# Looks at everything by its nature, or at what is no history: the file itself, another program's ledger, the spool.
COLD = """ledger_backup ledger_check ledger_export ledger_prune import_ocr log_forget spool_take_in ledger_path
          ledger_in_place ledger_leave ledger_fold ledger_hold ledger_let_go ledger_set_busy_timeout ledger_version""".split()
# Asks the same, row after row, as the one named.
AS = {"executions_each": "executions_list", "sessions_each": "sessions_list", "execution_expect_end": "execution_finish"}


class HotCalls(Case):
    def test_every_function_of_the_store_is_asked_or_said_to_be_seldom(self):
        declared = set()
        for header in (ROOT / "include/supervise/store").glob("*.h"):
            declared |= set(re.findall(r"(\w+)\((?:const )?struct ledger \*ledger", header.read_text()))
        asked = {name for file in ("test_plans.c", "hot_calls.h")
                 for name in re.findall(r"\b(\w+)\(", (ROOT / "tests/unit" / file).read_text())}
        self.assertGreater(len(declared), 50)
        self.assertEqual(declared - asked - set(COLD) - set(AS), set())
        self.assertLessEqual(set(AS.values()), asked)
        self.assertLessEqual(set(COLD) | set(AS), declared)
