"""How the report's page looks: one style sheet for the screen, light and dark, and for paper."""

from __future__ import annotations

CURVES = (720, 300, 52, 44)  # width, height, room at the left and below, in the drawing's own units

STYLE = """
:root { --ink: #1c1e21; --faint: #666b73; --rule: #d9dce1; --paper: #ffffff; --panel: #f5f6f8;
        --pass: #14753c; --doubtful: #95600a; --fail: #b3261e; color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --faint: #9aa1ab; --rule: #3a3f47; --paper: #1b1d21; --panel: #24272c;
          --pass: #63c98a; --doubtful: #e0ad55; --fail: #f08a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .75rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--rule); }
p { margin: 0 0 .4rem; }
.facts, .hint, figcaption span { color: var(--faint); font-size: .85rem; }
.verdict { margin: 0 0 .6rem; }
.verdict span { display: inline-block; padding: .2rem .7rem; border: 1.5px solid currentColor; border-radius: 1rem; font-weight: 600; }
.summary { font-size: 1.1rem; }
.expected { color: var(--faint); }
.pass, .pass .mark { color: var(--pass); } .doubtful, .doubtful .mark { color: var(--doubtful); } .fail, .fail .mark { color: var(--fail); }
tr.pass, tr.doubtful, tr.fail { color: inherit; } .not-applicable { color: var(--faint); }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem; margin-bottom: .75rem; }
figure { margin: 0; break-inside: avoid; }
figcaption { display: flex; align-items: baseline; gap: .4rem; margin-bottom: .3rem; }
figcaption b { flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
figure img { display: block; width: 100%; image-rendering: pixelated; background: var(--rule); border-radius: 3px; }
i { display: inline-block; width: .7rem; height: .7rem; border-radius: 2px; flex: none; }
.curves { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
.curves svg { flex: 1 1 30rem; min-width: 0; max-width: 100%; height: auto; overflow: visible; }
svg path { fill: none; stroke-width: 2; stroke-linejoin: round; } svg .axis { stroke: var(--rule); stroke-width: 1; }
svg text { fill: var(--faint); font-size: 12px; }
.keys { list-style: none; margin: 0; padding: 0; flex: 0 1 12rem; }
.keys li { display: flex; align-items: baseline; gap: .5rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; font-size: .85rem; color: var(--faint); }
td, th { padding: .5rem .5rem; vertical-align: top; border-bottom: 1px solid var(--rule); }
.checks tr { break-inside: avoid; } .checks p { margin: 0; }
.number { color: var(--faint); width: 1.5rem; } .mark { width: 1.75rem; font-weight: 700; }
.value { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.remedy::before { content: "→ "; color: var(--faint); } .remedy { font-weight: 500; }
.settings { width: auto; } .settings td, .settings th { padding: .15rem 1.5rem .15rem 0; border: 0; font-size: .85rem; font-weight: 400; }
ul { padding-left: 1.2rem; margin: 0; }
@media print {
  :root { --ink: #000; --faint: #444; --rule: #bbb; --paper: #fff; --pass: #14753c; --doubtful: #7a4e05; --fail: #9c1c15; color-scheme: light; }
  body { font-size: 10pt; } main { max-width: none; padding: 0; } h2 { margin-top: 1.2rem; break-after: avoid; }
  .maps { grid-template-columns: repeat(5, 1fr); gap: .5rem; }
  figure img, i { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
