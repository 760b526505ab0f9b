import { findProperty, nameOf, unwrap } from './evaluate.ts';
import { type Fact, fact, firstFact } from './fact.ts';
import type { SourceScan } from './scan-source.ts';

/** The variable of the address to listen on, if that is localhost without it: nothing outside of the container reaches that. */
export function findHostVariable(scan: SourceScan): Fact<string> | null {
  const listens = scan.calls.filter(({ name }) => /(^|[.\s])(listen|serve)$/.test(name));
  const hosts = listens.flatMap(({ file, args }) =>
    args.map((one) => {
      const host = findProperty(one, /^host(name)?$/i) ?? one;
      const { file: place, node } = scan.findValue(file, nameOf(host)) ?? { file, node: host };
      const inner = unwrap(node);
      const isLocal =
        inner.type === 'LogicalExpression' &&
        /^(localhost|127\.|::1)/.test(scan.evaluate({ file: place, node: inner.right })?.text ?? '');
      const name = isLocal ? /env\.(\w+)$/.exec(nameOf(inner.left))?.[1] : null;
      return name ? fact(name, scan.placeOf({ file: place, node })) : null;
    }),
  );
  return firstFact(...hosts);
}
