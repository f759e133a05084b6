package polymarket.backfill.sandbox;

/** A condition id: 32 bytes as four big-endian words. */
record ConditionId(long a, long b, long c, long d) implements Comparable<ConditionId> {

  /** Reads 0x and 64 lower-case hex digits; null for anything else. */
  static ConditionId parse(String s) {
    return s.length() == 66 && s.charAt(0) == '0' && s.charAt(1) == 'x' ? digits(s, 2) : null;
  }

  /** Reads the id in any case, with or without 0x; null for anything else. */
  static ConditionId parseAnyForm(String s) {
    String lower = s.strip().toLowerCase();
    return lower.length() == 64 ? digits(lower, 0) : parse(lower);
  }

  private static ConditionId digits(String s, int from) {
    boolean[] bad = new boolean[1];
    ConditionId id =
        new ConditionId(
            Mix.parseHex(s, from, 16, bad),
            Mix.parseHex(s, from + 16, 16, bad),
            Mix.parseHex(s, from + 32, 16, bad),
            Mix.parseHex(s, from + 48, 16, bad));
    return bad[0] ? null : id;
  }

  static ConditionId of(byte[] bytes) {
    java.nio.ByteBuffer buffer = java.nio.ByteBuffer.wrap(bytes);
    return new ConditionId(buffer.getLong(), buffer.getLong(), buffer.getLong(), buffer.getLong());
  }

  byte[] bytes() {
    return java.nio.ByteBuffer.allocate(32).putLong(a).putLong(b).putLong(c).putLong(d).array();
  }

  long hash(long seed) {
    return Mix.mix(Mix.mix(seed ^ a, b), c, d);
  }

  StringBuilder hexTo(StringBuilder out) {
    Mix.hex(out, a);
    Mix.hex(out, b);
    Mix.hex(out, c);
    Mix.hex(out, d);
    return out;
  }

  /** 64 hex digits without 0x. */
  String hex() {
    return hexTo(new StringBuilder(64)).toString();
  }

  @Override
  public String toString() {
    return hexTo(new StringBuilder(66).append("0x")).toString();
  }

  @Override
  public int compareTo(ConditionId o) {
    int r = Long.compareUnsigned(a, o.a);
    r = r != 0 ? r : Long.compareUnsigned(b, o.b);
    r = r != 0 ? r : Long.compareUnsigned(c, o.c);
    return r != 0 ? r : Long.compareUnsigned(d, o.d);
  }
}
