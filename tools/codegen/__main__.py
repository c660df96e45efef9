"""`python -m tools.codegen write|check|breaking|third-party|typings`, run in the root of the repository."""

import argparse
import subprocess
import sys
from pathlib import Path

from tools.codegen import buf, outputs
from tools.codegen.checks import problems
from tools.codegen.contract import Contract, ContractError
from tools.codegen.third_party import assemble


def main() -> int:
    """Returns the exit status: 0, or 1 with the reasons on standard error."""
    parser = argparse.ArgumentParser(prog="python -m tools.codegen", description="Builds and checks generated/.")
    tasks = parser.add_subparsers(dest="task", required=True)
    tasks.add_parser("write", help="regenerate generated/ from protos/")
    tasks.add_parser("check", help="hold the contracts to the house rules and generated/ to the contracts")
    against = tasks.add_parser("breaking", help="compare the contracts with an older revision")
    against.add_argument("--base", default="HEAD", help="the git revision to compare with")
    tasks.add_parser("third-party", help="put what the contracts import into build/third_party")
    tasks.add_parser("typings", help="write type stubs for google.{api,rpc,type} into build/typings")
    arguments = parser.parse_args()
    try:
        match arguments.task:
            case "write":
                write(Path.cwd())
            case "check":
                check(Path.cwd())
            case "third-party":
                assemble(Path.cwd() / buf.THIRD_PARTY)
            case "typings":
                assemble(Path.cwd() / buf.THIRD_PARTY)
                buf.typings(Path.cwd())
            case _:
                breaking(Path.cwd(), arguments.base)
    except ContractError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def write(root: Path) -> None:
    """Regenerates everything and names what changed. Raises ContractError, in the end, for house rules broken."""
    contract, built = outputs.load(root)
    changed = outputs.write(root, outputs.render(root, contract, built))
    for path in changed:
        print(path)
    print(f"{_counted(contract)}; {len(changed)} generated files changed")
    _refuse(problems(contract))


def check(root: Path) -> None:
    """Raises ContractError when a contract breaks a house rule or a generated file is not what the contracts say."""
    contract, built = outputs.load(root)
    _refuse(problems(contract))
    stale = outputs.differences(root, outputs.render(root, contract, built))
    _refuse([f"{path}: stale, run `make protos`" for path in stale])
    print(f"{_counted(contract)}; what is generated is fresh")


def breaking(root: Path, base: str) -> None:
    """Raises ContractError when the contracts break what revision `base` promised; a revision without any passes."""
    committed = f"{base}:{outputs.GENERATED}/descriptor_set.binpb"
    shown = subprocess.run(["git", "show", committed], cwd=root, capture_output=True, check=False)  # noqa: S607 - any git
    if shown.returncode != 0:
        print(f"{base} has no contracts to compare with")
        return
    buf.descriptors(root)
    buf.breaking(root, shown.stdout)
    print(f"nothing breaks what {base} promises")


def _counted(contract: Contract) -> str:
    return f"{len(contract.methods)} RPCs in {len(contract.files)} files"


def _refuse(found: list[str]) -> None:
    if found:
        raise ContractError("\n".join(found))


if __name__ == "__main__":
    sys.exit(main())
