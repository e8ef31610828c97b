"""What may be changed in a source file, one place at a time: comparisons, signs, constants, decisions, effects.

Left alone: sentences for people (strings and f-strings), annotations, assertions, imports, sizes in bytes (``1 << 24``), and terms with a
constant below a millionth, which only keep a denominator from zero or a matrix from being singular. Nothing here runs anything.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

_COMPARISONS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("<=", ">="),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<="),
    ast.GtE: (">", "<"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
_WRITTEN = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is", ast.IsNot: r"is\s+not",
    ast.In: "in", ast.NotIn: r"not\s+in", ast.Add: r"\+", ast.Sub: "-", ast.Mult: r"\*", ast.Div: "/", ast.And: "and", ast.Or: "or",
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*"}
_EXTREMES = {"min": "max", "minimum": "maximum", "argmin": "argmax", "nanmin": "nanmax", "any": "all"}
_EXTREMES |= {other: one for one, other in _EXTREMES.items()}
_GUARD = 1e-6
_BY_ONE = 10  # whole numbers up to here are moved by one, larger ones and fractions are doubled and halved
_Scope = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes
    ----------
    file : path of the source file, relative to the root, with slashes
    function : qualified name of the function around it, empty outside functions
    line : its first line
    lines : first and last line that have to run for it to matter
    name : outside functions, the name that is assigned, so that its readers can be found
    before, after : the lines that change, without their white space
    start, end, text : bytes of the source that ``text`` takes the place of
    """

    file: str
    function: str
    line: int
    lines: tuple[int, int]
    name: str
    before: str
    after: str
    start: int
    end: int
    text: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is, wherever in the file it stands."""
        return self.file, self.before, self.after

    def applied(self, source: bytes) -> bytes:
        """The source with this change."""
        return source[: self.start] + self.text.encode() + source[self.end :]


def mutants(source: bytes, file: str) -> list[Mutant]:
    """All changes of one file that still compile, in the order in which they stand."""
    found = _Enumeration(source, file)
    found.visit(ast.parse(source))
    return [mutant for mutant in found.made if _compiles(mutant.applied(source))]


def draw(candidates: Iterable[Mutant], count: int, seed: int) -> list[Mutant]:
    """``count`` of them, spread over files and, within each, over functions; an edit elsewhere doesn't change what is drawn here."""
    files: dict[str, dict[str, list[Mutant]]] = defaultdict(lambda: defaultdict(list))
    for mutant in candidates:
        files[mutant.file][mutant.function].append(mutant)
    ranked = sorted(files, key=lambda name: _rank(seed, name))
    return _interleaved([_spread(files[name], seed, name) for name in ranked])[:count]


def _spread(functions: dict[str, list[Mutant]], seed: int, file: str) -> list[Mutant]:
    ordered = sorted(functions, key=lambda name: _rank(seed, file, name))
    return _interleaved([sorted(functions[name], key=lambda one: _rank(seed, *one.key)) for name in ordered])


def _interleaved(queues: list[list[Mutant]]) -> list[Mutant]:
    return [one for row in zip_longest(*queues) for one in row if one is not None]


def _rank(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _compiles(source: bytes) -> bool:
    try:
        compile(source, "mutant", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


class _Enumeration(ast.NodeVisitor):
    """Walks a file and keeps what may be changed; children that are left alone are not visited."""

    def __init__(self, source: bytes, file: str) -> None:
        self.source, self.file, self.made = source, file, list[Mutant]()
        self.scopes, self.functions = list[str](), list[_Scope]()
        self.statement: ast.stmt | None = None
        self.line_starts = [0, *(match.end() for match in re.finditer(b"\n", source))]

    # where things stand

    def place(self, line: int, column: int) -> int:
        return self.line_starts[line - 1] + column

    def start(self, node: ast.expr | ast.stmt) -> int:
        return self.place(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.place(node.end_lineno, node.end_col_offset)

    def between(self, left: ast.expr, right: ast.expr, written: str, text: str) -> None:
        """Change the operator, whose written form is a regular expression, between two operands."""
        start = self.end(left)
        found = re.search(written.encode(), self.source[start : self.start(right)])
        if found:
            self.change(start + found.start(), start + found.end(), text)

    def change(self, start: int, end: int, text: str) -> None:
        first = self.source.rfind(b"\n", 0, start) + 1
        last = self.source.find(b"\n", end)
        before = self.source[first:last]
        after = self.source[first:start] + text.encode() + self.source[end:last]
        line = self.source.count(b"\n", 0, start) + 1
        shown = [" ".join(part.decode().split()) for part in (before, after)]
        name = "" if self.functions else _assigned(self.statement)
        self.made.append(Mutant(self.file, ".".join(self.scopes), line, self.span(), name, *shown, start, end, text))

    def span(self) -> tuple[int, int]:
        """Lines of the statement around the change, of the whole function where it stands in its head."""
        one = self.statement if self.statement is not None else self.functions[-1]
        last = one.end_lineno or one.lineno
        body = getattr(one, "body", None)
        if body and not isinstance(one, _Scope):
            last = max(one.lineno, body[0].lineno - 1)
        return one.lineno, last

    # what is left alone, and what is around

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.expr) and _is_guard(node):
            return
        if isinstance(node, ast.JoinedStr | ast.Assert | ast.Import | ast.ImportFrom | ast.Raise) or _is_typing(node):
            if isinstance(node, ast.Raise):
                self.change(self.start(node), self.end(node), "pass")
            return
        if isinstance(node, ast.stmt) and not isinstance(node, _Scope):
            outer, self.statement = self.statement, node
            super().visit(node)
            self.statement = outer
        else:
            super().visit(node)

    def visit_FunctionDef(self, node: _Scope) -> None:
        outer, self.statement = self.statement, None
        self.scopes.append(node.name)
        self.functions.append(node)
        for default in (*node.args.defaults, *(each for each in node.args.kw_defaults if each)):
            self.visit(default)
        for statement in node.body:
            self.visit(statement)
        self.functions.pop()
        self.scopes.pop()
        self.statement = outer

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.scopes.append(node.name)
        for statement in node.body:
            self.visit(statement)
        self.scopes.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    # what is changed

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for left, right, operator in zip(operands, operands[1:], node.ops, strict=False):
            for text in _COMPARISONS[type(operator)]:
                self.between(left, right, _WRITTEN[type(operator)], text)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for left, right in zip(node.values, node.values[1:], strict=False):
            self.between(left, right, _WRITTEN[type(node.op)], "or" if isinstance(node.op, ast.And) else "and")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        left_alone = any(_is_text(each) or _is_guard(each) for each in (node.left, node.right))
        if type(node.op) in _ARITHMETIC and not left_alone:
            self.between(node.left, node.right, _WRITTEN[type(node.op)], _ARITHMETIC[type(node.op)])
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        dropped = {ast.Not: 3, ast.USub: 1, ast.Invert: 1}.get(type(node.op), 0)
        if dropped:
            self.change(self.start(node), self.start(node) + dropped, "")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if _is_guard(node.value):
            return
        self.change(self.start(node), self.end(node), "pass")
        if type(node.op) in _ARITHMETIC and not _is_text(node.value):
            written = _WRITTEN[type(node.op)] + "="
            self.between(node.target, node.value, written, _ARITHMETIC[type(node.op)] + "=")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        for value in _other_values(node.value):
            self.change(self.start(node), self.end(node), value)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in _EXTREMES:
            self.change(self.end(node) - len(node.attr), self.end(node), _EXTREMES[node.attr])
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in _EXTREMES:
            self.change(self.start(node.func), self.end(node.func), _EXTREMES[node.func.id])
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(isinstance(target, ast.Subscript | ast.Attribute) for target in node.targets):
            self.change(self.start(node), self.end(node), "pass")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self.change(self.start(node), self.end(node), "pass")
        self.generic_visit(node)

    def visit_If(self, node: ast.If | ast.While) -> None:
        self._negated(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negated(node.test)
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        returns = ast.unparse(self.functions[-1].returns) if self.functions and self.functions[-1].returns else ""
        if node.value is not None and not _is_constant(node.value):
            if returns == "bool":
                self._negated(node.value)
            elif "None" in returns:
                self.change(self.start(node.value), self.end(node.value), "None")
        self.generic_visit(node)

    def visit_Break(self, node: ast.Break) -> None:
        self.change(self.start(node), self.end(node), "pass")

    visit_AsyncFunctionDef, visit_While, visit_Continue = visit_FunctionDef, visit_If, visit_Break

    def _negated(self, test: ast.expr) -> None:
        # A single comparison is turned round already, and a "not" dropped.
        if isinstance(test, ast.UnaryOp) or (isinstance(test, ast.Compare) and len(test.ops) == 1):
            return
        start, end = self.start(test), self.end(test)
        self.change(start, end, f"not ({self.source[start:end].decode()})")


def _other_values(value: object) -> Iterator[str]:
    if isinstance(value, bool):
        yield str(not value)
    elif isinstance(value, int):
        moved = (value + 1, value - 1) if abs(value) <= _BY_ONE else (2 * value, value // 2)
        yield from (f"({each})" if each < 0 else str(each) for each in moved)
    elif isinstance(value, float) and abs(value) >= _GUARD:
        yield from (repr(2 * value), repr(0.5 * value))
    elif value == 0 and isinstance(value, float):
        yield "1.0"


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_guard(node: ast.expr) -> bool:
    """A tiny constant, what is scaled by one, a choice between two; or a size in bytes."""
    match node:
        case ast.Constant(value=float(value)):
            return 0 < abs(value) < _GUARD
        case ast.BinOp(op=ast.Mult() | ast.Div() | ast.Add()):
            sides = (_is_guard(node.left), _is_guard(node.right))
            return all(sides) if isinstance(node.op, ast.Add) else any(sides)
        case ast.IfExp():
            return _is_guard(node.body) and _is_guard(node.orelse)
        case ast.BinOp(op=ast.LShift()):
            return True
    return False


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


def _is_typing(node: ast.AST) -> bool:
    """``if TYPE_CHECKING``, a list of public names, or an alias of types."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) == "__all__" or "Annotated[" in ast.unparse(node.value)
    return False


def _assigned(statement: ast.stmt | None) -> str:
    if isinstance(statement, ast.Assign):
        statement = ast.AnnAssign(target=statement.targets[0])
    target = getattr(statement, "target", None)
    if isinstance(target, ast.Tuple):
        return "|".join(each.id for each in target.elts if isinstance(each, ast.Name))
    return target.id if isinstance(target, ast.Name) else ""
