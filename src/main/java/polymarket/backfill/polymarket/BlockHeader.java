package polymarket.backfill.polymarket;

/**
 * What an answer says of a block.
 *
 * @param number -1 where it does not say
 * @param time in seconds since 1970; -1 where it does not say
 * @param hash empty where it does not say
 * @param parent hash of the block before it; empty where it does not say
 */
record BlockHeader(long number, long time, String hash, String parent) {

  /**
   * Reads an object with the fields {@code number}, {@code hash}, and two that sources call
   * differently.
   *
   * @param json before its opening bracket
   * @param timeField empty where the time is not wanted
   */
  static BlockHeader read(JsonBytes json, String parentField, String timeField) {
    long number = -1;
    long time = -1;
    String hash = "";
    String parent = "";
    json.expect('{');
    for (boolean first = true; json.next(first, '}'); first = false) {
      json.key();
      if (json.is("number")) {
        number = json.number();
      } else if (json.is(timeField)) {
        time = json.number();
      } else if (json.is("hash")) {
        json.text();
        hash = json.said();
      } else if (json.is(parentField)) {
        json.text();
        parent = json.said();
      } else {
        json.skip();
      }
    }
    return new BlockHeader(number, time, hash, parent);
  }
}
