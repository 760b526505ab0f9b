/** The platform that an engine on this machine runs by itself, such as `linux/amd64`. */
export const MACHINE_PLATFORM = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;

/** `linux/arm` includes its variants; the only variant of `linux/arm64` may be left out. */
const plain = (text: string) => `${text.replace('arm64/v8', 'arm64')}/`;

/** Whether an image of a platform may be used where `expected` is asked for. */
export const fitsPlatform = (platform: string, expected: string) => plain(platform).startsWith(plain(expected));
