package polymarket.backfill.polymarket;

import java.math.BigInteger;

/**
 * What collection ids need of the curve alt_bn128 (EIP-196), y² = x³ + 3 over the integers modulo
 * {@link #P}: which x are on it.
 */
final class AltBn128 {

  /** The field's prime, of 254 bits. */
  static final BigInteger P =
      new BigInteger(
          "21888242871839275222246405745257275088696311157297823662689037894645226208583");

  private static final BigInteger B = BigInteger.valueOf(3);
  private static final long P0 = P.longValue();
  private static final long P1 = P.shiftRight(64).longValue();
  private static final long P2 = P.shiftRight(128).longValue();
  private static final long P3 = P.shiftRight(192).longValue();

  private AltBn128() {}

  /**
   * The smallest x after {@code start} (which is itself not tried), modulo P, that has a point of
   * the curve.
   */
  static BigInteger nextOnCurve(BigInteger start) {
    BigInteger x = start.mod(P);
    do {
      x = x.add(BigInteger.ONE);
      if (x.equals(P)) {
        x = BigInteger.ZERO;
      }
    } while (!isSquare(x.multiply(x).mod(P).multiply(x).add(B).mod(P)));
    return x;
  }

  /**
   * Whether a value has a square root modulo P (zero has one).
   *
   * <p>The Jacobi symbol (value / P) by the binary algorithm: halve, swap and subtract as in the
   * binary gcd, changing sign by the second supplement, (2/n) = -1 for n = 3 or 5 modulo 8, and by
   * quadratic reciprocity. On four 64-bit words held in locals, as allocations would cost more than
   * the arithmetic; {@link TokenIdBenchmark} compares it with Euler's criterion.
   *
   * @param value from 0 to P - 1
   */
  static boolean isSquare(BigInteger value) {
    if (value.signum() == 0) {
      return true;
    }
    long a0 = value.longValue();
    long a1 = value.shiftRight(64).longValue();
    long a2 = value.shiftRight(128).longValue();
    long a3 = value.shiftRight(192).longValue();
    long n0 = P0;
    long n1 = P1;
    long n2 = P2;
    long n3 = P3;
    long sign = 0;
    while ((a0 | a1 | a2 | a3) != 0) {
      while (a0 == 0) {
        a0 = a1;
        a1 = a2;
        a2 = a3;
        a3 = 0;
      }
      int zeros = Long.numberOfTrailingZeros(a0);
      if (zeros != 0) {
        a0 = a0 >>> zeros | a1 << -zeros;
        a1 = a1 >>> zeros | a2 << -zeros;
        a2 = a2 >>> zeros | a3 << -zeros;
        a3 >>>= zeros;
        sign ^= zeros & (n0 >>> 1 ^ n0 >>> 2);
      }
      long d0 = a0 - n0;
      long borrow = Long.compareUnsigned(a0, n0) < 0 ? 1 : 0;
      long d1 = a1 - n1 - borrow;
      borrow = borrowed(a1, n1, d1);
      long d2 = a2 - n2 - borrow;
      borrow = borrowed(a2, n2, d2);
      long d3 = a3 - n3 - borrow;
      borrow = borrowed(a3, n3, d3);
      if (borrow != 0) {
        sign ^= (a0 & n0) >>> 1;
        n0 = a0;
        n1 = a1;
        n2 = a2;
        n3 = a3;
        long carry = d0 == 0 ? 1 : 0;
        d0 = -d0;
        d1 = ~d1 + carry;
        carry &= d1 == 0 ? 1 : 0;
        d2 = ~d2 + carry;
        carry &= d2 == 0 ? 1 : 0;
        d3 = ~d3 + carry;
      }
      a0 = d0;
      a1 = d1;
      a2 = d2;
      a3 = d3;
    }
    return (sign & 1) == 0;
  }

  /** 1 when {@code a - n - borrow = d} went below zero, from the top bits alone. */
  private static long borrowed(long a, long n, long d) {
    return (~a & n | (~a | n) & d) >>> 63;
  }
}
