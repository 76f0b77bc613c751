"""The interactive shell: statements up to a semicolon, and commands that begin with a backslash."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dwkit.cli import human
from dwkit.cli.failure import handle
from dwkit.cli.options import App
from dwkit.cli.readline import editing, read_line
from dwkit.errors import DwkitError, NotFoundError, UsageError
from dwkit.model.names import DIALECTS, LAYERS, check_dialect

if TYPE_CHECKING:
    from dwkit.project import Project
    from dwkit.sql import Result, Session

__all__ = ["Shell"]

_KEYWORDS = (
    "ALL", "ALTER", "AND", "AS", "ASC", "BETWEEN", "BY", "CASE", "CAST", "COPY", "COUNT", "CREATE", "CROSS", "DELETE",
    "DESC", "DESCRIBE", "DISTINCT", "DROP", "ELSE", "END", "EXCEPT", "EXISTS", "EXPLAIN", "FALSE", "FROM", "FULL",
    "GROUP", "HAVING", "IN", "INNER", "INSERT", "INTERSECT", "INTO", "IS", "JOIN", "LEFT", "LIKE", "LIMIT", "MERGE",
    "NOT", "NULL", "OFFSET", "ON", "OR", "ORDER", "OUTER", "OVER", "PARTITION", "PIVOT", "QUALIFY", "RIGHT", "ROLLUP",
    "SELECT", "SET", "SHOW", "SUM", "SUMMARIZE", "TABLE", "THEN", "TRUE", "UNION", "UNPIVOT", "UPDATE", "USING",
    "VALUES", "VIEW", "WHEN", "WHERE", "WITH",
)  # fmt: skip


class Shell:
    """A session at a terminal.

    Args:
        project: None where there is none.
    """

    def __init__(self, app: App, session: Session, project: Project | None) -> None:
        self._app = app
        self._session = session
        self._project = project
        self._timing = False
        self._output: Path | None = None
        self._over = False
        self._typed: list[str] = []
        """Lines of the statement under way."""
        self._columns: dict[str, list[str]] = {}
        self._commands: dict[str, tuple[Callable[[str], None], str]] = {
            r"\d": (self._describe, r"\d [TABLE]      the tables, or the columns of one"),
            r"\dt": (self._list, r"\dt             the tables"),
            r"\dialect": (self._dialect, r"\dialect [NAME] show or change the dialect"),
            r"\o": (self._to_file, r"\o [FILE]       each result into a file, named by its suffix; without one here again"),
            r"\timing": (self._toggle, r"\timing         show how long each statement takes, or no more"),
            r"\q": (self._leave, r"\q              leave"),
            r"\?": (self._help, r"\?              this help"),
        }  # fmt: skip

    def run(self, history: Path) -> None:
        """Read and run statements until the input ends.

        Args:
            history: file of the lines that were typed.
        """
        self._app.talk.note(
            rf"{self._session.dialect} SQL; a statement ends with ;  \? shows help, \q leaves"
        )
        with editing(history, self.complete):
            while not self._over:
                try:
                    line = read_line("dwkit> " if not self._typed else "   ... ")
                except EOFError:
                    self._app.talk.info("")
                    return
                except KeyboardInterrupt:
                    self._typed.clear()
                    self._app.talk.info("")
                    continue
                self._guarded(line)

    def _guarded(self, line: str) -> None:
        self._app.started = time.perf_counter()
        try:
            self._take(line)
        except BrokenPipeError:
            raise
        except (Exception, KeyboardInterrupt) as error:
            self._typed.clear()
            handle(error, self._app)

    def _take(self, line: str) -> None:
        from dwkit.sql.script import is_empty, is_whole

        if not self._typed and line.lstrip().startswith("\\"):
            self._command(line.strip())
            return
        self._typed.append(line)
        text = "\n".join(self._typed)
        if is_whole(text, self._session.dialect):
            self._typed.clear()
            for result in self._session.run(text):
                self._show(result)
        elif is_empty(text, self._session.dialect):
            self._typed.clear()

    def _show(self, result: Result) -> None:
        app = self._app
        if result.rows is not None:
            app.talk.done(result.kind, rows=result.rows)
        elif result.frame is None:
            app.talk.done(result.kind)
        if result.frame is not None and self._output is not None:
            from dwkit.marts.export import export

            app.talk.done(str(self._output), rows=export(result.frame, self._output).rows)
        elif result.frame is not None:
            app.emit(result.frame)
        if self._timing:
            app.talk.info(f"time: {human.duration(app.seconds)}")
        app.started = time.perf_counter()
        self._columns.clear()

    # -- commands -----------------------------------------------------------------------------

    def _command(self, line: str) -> None:
        word, _, rest = line.rstrip(";").partition(" ")
        if word not in self._commands:
            raise NotFoundError("command", word, hint=r"\? shows them")
        self._commands[word][0](rest.strip())

    def _describe(self, name: str) -> None:
        if not name:
            self._list("")
            return
        from dwkit.sql.types import shown

        [result] = self._session.run(f"select * from {name}")
        assert result.frame is not None
        schema = result.frame.collect_schema()
        rows = [{"column": n, "type": shown(t)} for n, t in schema.items()]
        self._app.emit(rows, columns=("column", "type"), title=name)

    def _list(self, _rest: str) -> None:
        own = self._session.tables
        rows: list[dict[str, object]] = [
            {"layer": "", "name": n, "kind": "scratch", "rows": f.height} for n, f in own.items()
        ]
        rows += [{"layer": "", "name": n, "kind": "view", "rows": None} for n in self._session.views]
        if self._project is not None:
            listed = self._project.catalog.listing()
            rows += [{k: one[k] for k in ("layer", "name", "kind", "rows")} for one in listed]
        self._app.emit(rows, columns=("layer", "name", "kind", "rows"))

    def _dialect(self, name: str) -> None:
        if name:
            self._session.dialect = check_dialect(name)
        self._app.talk.info(f"{self._session.dialect} SQL")

    def _to_file(self, name: str) -> None:
        self._output = Path(name.strip("'\"")).expanduser() if name else None
        if self._output is not None and not self._output.suffix:
            self._output = None
            raise UsageError(f"{name} has no suffix that says how to write", hint=rf"\o {name}.csv")
        self._app.talk.info(f"results go to {self._output}" if self._output else "results are shown here")

    def _toggle(self, _rest: str) -> None:
        self._timing = not self._timing
        self._app.talk.info(f"timing is {'on' if self._timing else 'off'}")

    def _leave(self, _rest: str) -> None:
        self._over = True

    def _help(self, _rest: str) -> None:
        for _, text in self._commands.values():
            self._app.talk.info(text)
        self._app.talk.info("Ctrl-C drops the line, Ctrl-D leaves, Tab completes")

    # -- completion ---------------------------------------------------------------------------

    def complete(self, word: str, line: str) -> list[str]:
        """Return what can stand in place of a word: commands, keywords, tables, columns.

        Args:
            line: up to the end of the word.
        """
        if line.lstrip().startswith("\\"):
            command, space, _ = line.lstrip().partition(" ")
            if not space:
                return [c for c in self._commands if c.startswith(word)]
            return [n for n in (DIALECTS if command == r"\dialect" else self._tables()) if n.startswith(word)]
        lowered = word.lower()
        tables = self._tables()
        text = "\n".join([*self._typed, line])
        columns = [c for t in self._mentioned(text, tables) for c in self._columns_of(t)]
        prefix, dot, rest = word.rpartition(".")
        if dot and prefix.lower() not in LAYERS:
            return list(dict.fromkeys(f"{prefix}.{c}" for c in columns if c.lower().startswith(rest.lower())))
        found = [c for c in columns if c.lower().startswith(lowered)]
        found += [t for t in (*tables, *(f"{la}." for la in LAYERS)) if t.lower().startswith(lowered)]
        if word:
            words = (k.lower() if word == lowered else k for k in _KEYWORDS)
            found += [k for k in words if k.lower().startswith(lowered)]
        return list(dict.fromkeys(found))

    def _tables(self) -> list[str]:
        own = [*self._session.tables, *self._session.views]
        return own + (sorted(self._project.catalog.names()) if self._project is not None else [])

    def _mentioned(self, text: str, tables: list[str]) -> list[str]:
        words = {w.lower() for w in re.findall(r"[\w.]+", text)}
        return [t for t in tables if t.lower() in words or t.lower().rpartition(".")[2] in words]

    def _columns_of(self, table: str) -> list[str]:
        if table not in self._columns:
            try:
                [result] = self._session.run(f"select * from {table}")
            except DwkitError:
                return []
            assert result.frame is not None
            self._columns[table] = result.frame.collect_schema().names()
        return self._columns[table]
