/** What was wrong with TLS, by OpenSSL's and Node's codes. */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
const OUT_OF_DATE = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);
const REFUSES_US = new Set([
  'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
  'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
  'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
]);

/**
 * A sentence with its remedy; null: `code` is no failure of TLS. None of these leaves a request in doubt: the
 * server took none. Codes: https://nodejs.org/api/tls.html#x509-certificate-error-codes.
 */
export function tlsFailureText(url: string, code: string): string | null {
  const { origin } = new URL(url);
  if (UNTRUSTED.has(code)) {
    const remedy = 'set cacert in clouds.yaml (or OS_CACERT) to the file of the authority that signed it';
    return `the certificate of ${origin} is not trusted (${code}): ${remedy}`;
  }
  if (OUT_OF_DATE.has(code)) {
    return `the certificate of ${origin} is out of date (${code}): renew it, or set this machine's clock`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `the certificate of ${origin} is for other names (${code}): use the name that it is for`;
  }
  if (REFUSES_US.has(code)) {
    return `${origin} refuses us (${code}): if it wants a certificate of ours, set cert and key in clouds.yaml`;
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
    return `${origin} does not speak TLS (${code}): should its URL begin with http://?`;
  }
  return null;
}
