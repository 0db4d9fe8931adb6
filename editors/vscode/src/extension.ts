import { execFile } from "node:child_process";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { LanguageClient, RevealOutputChannelOn } from "vscode-languageclient/node";

const LANGUAGE = "archspec";
const run = promisify(execFile);

let client: LanguageClient | undefined;

/** The command line of archspec. In an untrusted workspace VS Code leaves out what the workspace says. */
function command(): string[] {
  const words = vscode.workspace.getConfiguration("archspec").get<string[]>("command", ["archspec"]);
  return words.length > 0 ? words : ["archspec"];
}

/** What archspec prints for some arguments. Throws with what it says is wrong. */
async function archspec(folder: string, ...words: string[]): Promise<string> {
  const [program, ...first] = command();
  try {
    const { stdout } = await run(program, [...first, ...words], { cwd: folder, maxBuffer: 64 * 2 ** 20 });
    return stdout;
  } catch (error) {
    const failed = error as { stderr?: string; stdout?: string; code?: number | string; message: string };
    if (words[0] === "diff" && failed.code === 1 && failed.stdout !== undefined) {
      return failed.stdout; // as `diff` does, it exits with 1 where there are differences
    }
    throw new Error((failed.stderr || failed.message).trim().slice(0, 2000));
  }
}

async function start(): Promise<void> {
  const [program, ...first] = command();
  client = new LanguageClient(
    LANGUAGE,
    "archspec",
    { command: program, args: [...first, "lsp"] },
    { documentSelector: [{ language: LANGUAGE }], revealOutputChannelOn: RevealOutputChannelOn.Never },
  );
  try {
    await client.start();
  } catch {
    const install = "pip install 'archspec-nn[lsp]', and set `archspec.command` where it is not on the PATH.";
    void vscode.window.showErrorMessage(`The archspec language server does not start: ${install}`);
  }
}

/** The folders of specs that a project names: `specs` in [tool.archspec], a path or a list of paths. */
async function folders(root: vscode.WorkspaceFolder): Promise<string[]> {
  const named = vscode.workspace.getConfiguration("archspec", root.uri).get<string[]>("folders", []);
  let text = "";
  try {
    text = await fs.readFile(path.join(root.uri.fsPath, "pyproject.toml"), "utf8");
  } catch {
    // a project without one names no folders
  }
  const table = /^\[tool\.archspec\]\s*$([\s\S]*?)(?=^\[|(?![\s\S]))/m.exec(text)?.[1] ?? "";
  const value = /^specs\s*=\s*(\[[^\]]*\]|"[^"]*"|'[^']*')/m.exec(table)?.[1] ?? "";
  const found = [...value.matchAll(/"([^"]*)"|'([^']*)'/g)].map((match) => match[1] ?? match[2] ?? "");
  return [...named, ...found].map((one) => path.resolve(root.uri.fsPath, one));
}

/** Opens a YAML file below a folder of specs as archspec, so that no other server reports on it. */
async function adopt(document: vscode.TextDocument): Promise<void> {
  const root = vscode.workspace.getWorkspaceFolder(document.uri);
  if (document.languageId !== "yaml" || root === undefined || document.uri.scheme !== "file") {
    return;
  }
  const below = (folder: string) => document.uri.fsPath.startsWith(folder + path.sep);
  if ((await folders(root)).some(below)) {
    await vscode.languages.setTextDocumentLanguage(document, LANGUAGE);
  }
}

/** The picture beside a text; it follows each save. */
class Diagrams {
  private readonly panels = new Map<string, vscode.WebviewPanel>();

  async open(document: vscode.TextDocument): Promise<void> {
    const key = document.uri.toString();
    let panel = this.panels.get(key);
    if (panel === undefined) {
      const title = `Diagram of ${path.basename(document.uri.fsPath)}`;
      panel = vscode.window.createWebviewPanel("archspec.diagram", title, vscode.ViewColumn.Beside, {
        enableScripts: false,
        localResourceRoots: [],
      });
      panel.onDidDispose(() => this.panels.delete(key));
      this.panels.set(key, panel);
    }
    await this.draw(document);
  }

  async draw(document: vscode.TextDocument): Promise<void> {
    const panel = this.panels.get(document.uri.toString());
    if (panel === undefined) {
      return;
    }
    const file = document.uri.fsPath;
    try {
      const svg = await archspec(path.dirname(file), "diagram", file, "--format", "svg", "-o", "-");
      const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
      const image = Buffer.from(svg, "utf8").toString("base64");
      panel.webview.html =
        `<!doctype html><meta http-equiv="Content-Security-Policy" content="${policy}">` +
        `<style>body { margin: 0; background: white } img { max-width: 100% }</style>` +
        `<img alt="" src="data:image/svg+xml;base64,${image}">`;
    } catch (error) {
      // The last picture stays while the text has errors, which the editor shows.
      panel.title = `${path.basename(file)}: ${(error as Error).message.split("\n", 1)[0]}`.slice(0, 80);
    }
  }
}

/** Runs a command on the active spec, and shows what went wrong. */
function onSpec(action: (document: vscode.TextDocument) => Promise<void>): () => Promise<void> {
  return async () => {
    const document = vscode.window.activeTextEditor?.document;
    if (document === undefined || document.languageId !== LANGUAGE) {
      return;
    }
    try {
      if (document.isDirty) {
        await document.save();
      }
      await action(document);
    } catch (error) {
      void vscode.window.showErrorMessage((error as Error).message);
    }
  };
}

async function show(content: string, language: string): Promise<void> {
  const document = await vscode.workspace.openTextDocument({ content, language });
  await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preview: true });
}

async function compare(document: vscode.TextDocument): Promise<void> {
  const folder = path.dirname(document.uri.fsPath);
  const name = path.basename(document.uri.fsPath);
  await show(await archspec(folder, "diff", "HEAD", name, "--format", "markdown"), "markdown");
}

async function generate(document: vscode.TextDocument): Promise<void> {
  const folder = path.dirname(document.uri.fsPath);
  await show(await archspec(folder, "generate", path.basename(document.uri.fsPath), "-o", "-"), "python");
}

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const diagrams = new Diagrams();
  context.subscriptions.push(
    vscode.workspace.onDidOpenTextDocument((document) => void adopt(document)),
    vscode.workspace.onDidSaveTextDocument((document) => void diagrams.draw(document)),
    vscode.commands.registerCommand("archspec.openDiagram", onSpec((document) => diagrams.open(document))),
    vscode.commands.registerCommand("archspec.generate", onSpec(generate)),
    vscode.commands.registerCommand("archspec.compareWithHead", onSpec(compare)),
    vscode.commands.registerCommand("archspec.restart", async () => {
      await client?.stop();
      await start();
    }),
  );
  await Promise.all(vscode.workspace.textDocuments.map(adopt));
  await start();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}
