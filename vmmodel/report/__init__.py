"""From numbers to pages: figures, sentences, executed notebooks, self-contained HTML."""

import sys

# jsonschema, on which nbformat rests, imports this module if it can, and it then builds 35
# grammars: two to three seconds a process for a format that notebooks do not use.  Validation
# works without it.  It stands here so that it precedes every import of nbformat.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
