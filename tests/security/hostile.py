"""Texts that want to be syntax where they are shown: every sink takes each of them as words."""

HOSTILE = {
    "terminal markup that closes": "[/done]",
    "terminal markup that paints": "[bold red]all is well[/]",
    "terminal link": "[link=https://attacker.example]here[/link]",
    "control characters": "a\x1b[2J\x1b]0;owned\x07b",
    "a new line": "fine\n2026-01-01T00:00:00Z INFO all is well",
    "a carriage return": "bad\rgood",
    "a direction override": "abc\u202ecba",
    "Slack mention": "<!channel> <@U024BE7LH>",
    "Slack link": "<https://attacker.example|the dashboard>",
    "Slack formatting": "*bold* _it_ ~gone~ `code`",
    "Markdown": "[here](https://attacker.example) **x** # heading",
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "JSON": '"},{"reason":"Promoted","x":"',
    "YAML": "- a: &x {b: *x}\n---\nkind: Secret",
    "PromQL": '"} or vector(1) or up{a="',
    "a format": "%s %(message)s {0} {message} $(id) `id`",
    "a null": "a\x00b",
    "very long": "x" * 20_000,
}
