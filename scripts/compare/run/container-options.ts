import { hasNode, type Invocation, labelsOf, type Measurement, type WithImage } from '../model/measurement.ts';
import type { Subject } from '../model/subject.ts';
import type { ContainerOptions } from './run-container.ts';

/** The port to request where nothing says which: the chapters' app listens on it, and so do many others. */
const DEFAULT_PORT = 3000;

/**
 * How a subject's image is run and requested. The port is the user's, the one that the app reads from its environment, or
 * the first that the image exposes.
 */
export function containerOptions(
  invocation: Invocation,
  measurement: WithImage<Measurement<Subject>>,
): ContainerOptions {
  const { environment, ports: exposed } = measurement.image;
  const { env, envFile, platform, path, ready, port, expectStatus } = measurement.subject.settings;
  const imagePort = environment.find((variable) => variable.startsWith('PORT='))?.slice('PORT='.length);
  const [appPort] = [env.PORT, imagePort].map(Number).filter((number) => Number.isInteger(number) && number > 0);
  const args = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  if (envFile !== undefined) args.push('--env-file', envFile);
  if (platform !== undefined) args.push('--platform', platform);
  const common = {
    exposed,
    path,
    ready,
    signal: invocation.signal,
    expectStatus,
    args,
    hasNode: hasNode(measurement),
    labels: labelsOf(invocation),
  };
  return { ...common, port: port ?? appPort ?? exposed[0] ?? DEFAULT_PORT };
}
