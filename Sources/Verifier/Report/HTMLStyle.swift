/// How the page looks: dark and light, on paper, and to those who see fewer colours (Okabe and Ito's palette).
enum HTMLStyle {
    static let text = """
        :root { color-scheme: light dark; --ground: #ffffff; --text: #1b1f24; --quiet: #59636e; --line: #d1d9e0;
          --equal: #0072b2; --different: #d55e00; --undecided: #e6b000; --empty: #e9edf1;
          --uncovered: #ffffff; --quiet-equal: #a9cfe6;
          --source: #0072b2; --target: #e69f00; }
        @media (prefers-color-scheme: dark) { :root { --ground: #14181d; --text: #e6eaef; --quiet: #9aa5b1;
          --line: #3a434d; --equal: #56a8e0; --different: #f0732a; --undecided: #f0d442; --empty: #313942;
          --uncovered: #14181d; --quiet-equal: #285878; --source: #56a8e0; --target: #e69f00; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--text);
          font: 15px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
        main { max-width: 68rem; margin: 0 auto; padding: 1.5rem; }
        h1 { font-size: 2.2rem; line-height: 1.2; margin: 0 0 .5rem; }
        h2 { font-size: 1.15rem; margin: 0 0 .6rem; }
        p { margin: .5rem 0; }
        section { margin-top: 2rem; padding-top: 1.2rem; border-top: 1px solid var(--line); }
        .tool { color: var(--quiet); margin: 0; }
        .verdict { border-left: .5rem solid; padding-left: .8rem; }
        .consistent { border-color: var(--equal); }
        .different { border-color: var(--different); }
        .inconclusive { border-color: var(--undecided); }
        .reasons { margin: .5rem 0; padding-left: 1.2rem; font-size: 1.05rem; }
        .warning { border: 1px solid var(--undecided); border-radius: 4px; padding: .4rem .7rem; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: .92rem; }
        th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line);
          overflow-wrap: anywhere; white-space: pre-wrap; }
        thead th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
        td:first-child { white-space: nowrap; }
        .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        .examples td:nth-child(2), .examples td:last-child, code { font-family: ui-monospace, "DejaVu Sans Mono",
          monospace; font-size: .85rem; }
        figure { margin: 0; display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start; }
        figcaption { flex: 1 1 14rem; color: var(--quiet); }
        .map { width: min(32rem, 100%); height: auto; flex: 0 1 32rem; }
        .frame { fill: var(--uncovered); stroke: var(--line); stroke-width: .5; }
        .slots { overflow-wrap: anywhere; }
        .legend { list-style: none; padding: 0; color: var(--quiet); }
        .key { display: inline-block; width: .9rem; height: .9rem; margin: 0 .4rem 0 0; vertical-align: -.1rem;
          border: 1px solid var(--line); }
        .key + .key { margin-left: 1rem; }
        .slot-equal { fill: var(--quiet-equal); background: var(--quiet-equal); }
        .slot-different { fill: var(--different); background: var(--different); stroke: var(--different);
          stroke-width: .5; }
        .slot-undecided { fill: var(--undecided); background: var(--undecided); }
        .slot-empty { fill: var(--empty); background: var(--empty); }
        .slot-uncovered { fill: var(--uncovered); background: var(--uncovered); }
        .bar-source, .bar.source span { background: var(--source); }
        .bar-target, .bar.target span { background: var(--target); }
        .histogram th { width: 11rem; font-weight: 400; white-space: nowrap; }
        .bar { display: flex; align-items: center; height: 1.05rem; }
        .bar span { display: block; height: .7rem; max-width: calc(100% - 7rem); }
        .bar em { font-style: normal; font-size: .8rem; color: var(--quiet); margin-left: .5rem;
          font-variant-numeric: tabular-nums; }
        @media print { :root { color-scheme: light; --ground: #ffffff; --text: #000000; --quiet: #444444;
          --line: #bbbbbb; --equal: #0072b2; --different: #d55e00; --undecided: #e6b000; --empty: #e9edf1;
          --uncovered: #ffffff; --quiet-equal: #a9cfe6; --source: #0072b2; --target: #e69f00; }
          * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
          main { max-width: none; padding: 0; } .wide { overflow: visible; }
          h2 { break-after: avoid; } tr, figure, header { break-inside: avoid; } .map { flex-basis: 24rem; } }
        """
}
