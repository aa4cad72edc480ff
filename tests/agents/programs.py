"""The agent programs as they come from the npm registry, and how each is pointed at an endpoint of ours: a HOME with its
settings, its environment, its command. The versions are those that the expectations of matrix.py were seen with."""

import json


class Claude:
    name, package, version = "claude", "@anthropic-ai/claude-code", "2.1.197"

    def prepare(self, home, url):
        return {
            "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "stub", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_MAX_RETRIES": "2",
        }

    def command(self, binary):
        return [binary, "-p", "go", "--allowedTools", "Bash", "--output-format", "stream-json", "--verbose"]


class Codex:
    name, package, version = "codex", "@openai/codex", "0.169.0"

    def prepare(self, home, url):
        (home / ".codex").mkdir(exist_ok=True)
        (home / ".codex" / "config.toml").write_text(f"""
model = "stub"
model_provider = "stub"
[model_providers.stub]
name = "stub"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "STUB_KEY"
request_max_retries = 1
stream_max_retries = 2
""")
        return {"STUB_KEY": "x"}

    def command(self, binary):
        return [binary, "exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "go"]


class Opencode:
    name, package, version = "opencode", "opencode-ai", "1.18.33"

    def prepare(self, home, url):
        folder = home / ".config" / "opencode"
        folder.mkdir(parents=True, exist_ok=True)
        stub = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{url}/v1", "apiKey": "x"}, "models": {"stub": {}}}
        (folder / "opencode.json").write_text(json.dumps({
            "model": "stub/stub", "provider": {"stub": stub}, "permission": {"bash": "allow"}, "autoupdate": False}))
        return {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}

    def command(self, binary):
        return [binary, "run", "--format", "json", "go"]


PROGRAMS = [Claude(), Codex(), Opencode()]
