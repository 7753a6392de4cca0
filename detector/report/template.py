"""The template and the style sheet of `detector.report.page`."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>{{ style | safe }}</style>
</head>
<body>
<header>
<h1>{{ title }}</h1>
<p class="muted">{{ subtitle }}</p>
{% if verdict %}
<p class="verdict {{ verdict.level }}">{{ verdict.text }}</p>
{% endif %}
</header>
<nav>
{% for section in sections %}<a href="#s{{ loop.index }}">{{ section.title }}</a>
{% endfor %}
</nav>
<main>
{% for section in sections %}
<section id="s{{ loop.index }}">
<h2>{{ section.title }}</h2>
{% for block in section.blocks %}
{% if block is string %}
<p>{{ block }}</p>
{% elif block.kind == "facts" %}
<dl>{% for figure, what in block["items"] %}<div><dd>{{ figure }}</dd><dt>{{ what }}</dt></div>
{% endfor %}</dl>
{% elif block.kind == "table" %}
<div class="scroll"><table>
<thead><tr>{% for cell in block.header %}
<th{% if block.rows and block.rows[0][loop.index0] is numeric %} class="number"{% endif %}>\
{{ cell }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in block.rows %}
<tr>{% for cell in row %}<td{% if cell is numeric %} class="number"{% endif %}>{{ cell | cell }}\
</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table></div>
{% if block.note %}<p class="muted">{{ block.note }}</p>{% endif %}
{% elif block.kind == "plots" %}
<div class="plots">{% for svg, caption in block["items"] %}
<figure>{{ svg | safe }}<figcaption>{{ caption }}</figcaption></figure>
{% endfor %}</div>
{% else %}
{% if block.label %}<h3>{{ block.label }}</h3>{% endif %}
<div class="gallery{{ " wide" if block.is_wide }}">{% for uri, caption in block["items"] %}
<figure><img src="{{ uri }}" alt="{{ caption }}"><figcaption>{{ caption }}</figcaption></figure>
{% endfor %}</div>
{% endif %}
{% endfor %}
</section>
{% endfor %}
</main>
</body>
</html>
"""

STYLE = """
:root { color-scheme: light dark;
  --ground: #fcfcfb; --card: #f3f3f1; --ink: #1c1c1f; --muted: #62626a; --line: #e0e0dd;
  --good: #1c7a3e; --warning: #8a5a00; --error: #b3261e; --link: #1f63a5 }
@media (prefers-color-scheme: dark) { :root {
  --ground: #151517; --card: #1f1f22; --ink: #e9e9ec; --muted: #a2a2ab; --line: #34343a;
  --good: #6cc78b; --warning: #e0b050; --error: #f2877d; --link: #82b7ec } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.25rem 4rem; background: var(--ground);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans",
  sans-serif; overflow-wrap: anywhere }
h1 { font-size: 1.6rem; font-weight: 600; line-height: 1.2; margin: 0 }
h2 { font-size: 1.1rem; font-weight: 600; margin: 2.75rem 0 .75rem; padding-top: 1.25rem;
  border-top: 1px solid var(--line) }
h3 { font-size: .95rem; font-weight: 600; margin: 1.5rem 0 .5rem }
p { margin: .5rem 0; max-width: 46rem }
.muted, figcaption, dt, nav { color: var(--muted) }
.verdict { margin-top: 1rem; padding: .6rem .9rem; border-left: 4px solid; background: var(--card);
  max-width: none }
.good { border-color: var(--good) } .warning { border-color: var(--warning) }
.error { border-color: var(--error) }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin-top: 1rem; font-size: .9rem }
nav a { color: var(--link); text-decoration: none } nav a:hover { text-decoration: underline }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .6rem;
  margin: .75rem 0 }
dl div { background: var(--card); border-radius: 6px; padding: .6rem .8rem }
dd { margin: 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums }
dt { font-size: .82rem }
.scroll { overflow-x: auto; margin: .75rem 0 }
table { border-collapse: collapse; font-size: .88rem; min-width: 50% }
th { text-align: left; font-weight: 600; white-space: nowrap }
th, td { padding: .32rem 1.1rem .32rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: break-word }
.number { text-align: right; font-variant-numeric: tabular-nums }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(21rem, 100%), 1fr));
  gap: 1.5rem; margin: 1rem 0 }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr));
  gap: 1rem; margin: .75rem 0 }
.gallery.wide { grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)) }
figure { margin: 0; break-inside: avoid } .plots figure { max-width: 40rem }
figcaption { font-size: .82rem; line-height: 1.35; margin-top: .3rem }
svg { width: 100%; height: auto; display: block } svg text { font-family: inherit !important }
img { max-width: 100%; height: auto; display: block; border-radius: 4px; background: var(--card) }
@media print { nav { display: none } body { max-width: none; padding: 0 } }
"""
