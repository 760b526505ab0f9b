// Serves HTTPS, with a certificate that it makes and signs for itself.
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:https';

/** https://en.wikipedia.org/wiki/X.690#DER_encoding: a type, the length, the content. */
function der(type, ...parts) {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 255];
  return Buffer.concat([Buffer.from([type, ...length]), content]);
}

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const algorithm = der(0x30, der(0x06, [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])); // ecdsa-with-SHA256
const name = der(0x30);
const validity = der(0x30, der(0x17, '200101000000Z'), der(0x17, '491231235959Z'));
const key = publicKey.export({ type: 'spki', format: 'der' });
const content = der(0x30, der(0x02, [1]), algorithm, name, validity, name, key);
const certificate = der(0x30, content, algorithm, der(0x03, [0], sign('sha256', content, privateKey)));
const cert = `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64')}\n-----END CERTIFICATE-----\n`;

createServer({ key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert }, (_request, response) => {
  response.end('ok');
}).listen(3000);
