"""The network of a run in its script: a row of the table, or the pieces of the user's file.

A script contains functions, classes and constants. A file with other statements, or with imports
inside functions, has no place in it, and the error names the line.
"""

import ast

from vae.components.network_file import is_file, recalled
from vae.script.bundle import Bundle
from vae.script.source import HOME, Place

NETWORK_OF: Place = ("vae.components.network_code", "network_of")
TEXT = '''def network_of(network: str) -> Network:
    """Return the network of this run."""
    return {}
'''
PIECES = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def text_of(network: str) -> str:
    """Return the function that chooses the network, in the place of the library's."""
    return TEXT.format(
        f"Network({recalled(network).function})" if is_file(network) else "NETWORKS[network]"
    )


def places(network: str) -> list[Place]:
    """Return the pieces of a network's file that a script needs; none for a row of the table.

    Raises ValueError if the file has other statements than a script contains.
    """
    if not is_file(network):
        return []
    file = recalled(network)
    tree = ast.parse(file.text)
    for part in tree.body:
        if not _is_piece(part):
            raise ValueError(_reason(file.name, part.lineno, "is a statement, not a definition"))
        for node in ast.walk(part):
            if isinstance(node, ast.Import | ast.ImportFrom) and (why := _fault(node, part)):
                raise ValueError(_reason(file.name, node.lineno, why))
    return [(network, file.function)]


def check_name(bundle: Bundle, network: str) -> None:
    """Raise ValueError if the network's function has the name of a part of the library."""
    for place in places(network):
        if bundle.names[place] != place[1]:
            name = recalled(network).name
            raise ValueError(
                f"The script cannot contain {name}: its function {place[1]} has the name of a "
                "part of VAE Lab. Train with another name for it."
            )


def _fault(node: ast.Import | ast.ImportFrom, part: ast.stmt) -> str:
    """Return why an import has no place in a script; "" if it has one."""
    if node.names[0].name == "*":
        return "imports *"
    is_inner = node is not part and HOME in ast.unparse(node)
    return "imports from VAE Lab inside a definition" if is_inner else ""


def _is_piece(node: ast.stmt) -> bool:
    """Whether a statement is a definition, an import or a docstring."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return all(isinstance(target, ast.Name | ast.Tuple) for target in targets)
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, PIECES)


def _reason(name: str, line: int, why: str) -> str:
    return (
        f"The script cannot contain {name}: line {line} {why}. A script has the functions, "
        "classes and constants of a file."
    )
