package polymarket.backfill.clickhouse;

/**
 * SQL expressions that convert ids of users' tables to the stored form. Values that mean "no id"
 * (blanks, {@code 'null'}, {@code 'None'}, {@code '0x'}, zeros) becomes an empty text.
 */
public final class IdForms {

  /** Texts that people and programs use for "no id", in lower case. */
  private static final String NONE =
      "'', '-', '0x', '\\\\n"
          + "', 'null', 'none', 'nil', 'nan', 'n/a', 'na', 'undefined', '<na>', '(none)', '(null)'";

  private IdForms() {}

  /** The words that stand for no id, in lower case, as a list of SQL literals without brackets. */
  public static String none() {
    return NONE;
  }

  /** Whether a text stands for no id, or is all zeros. */
  public static String isNone(String text) {
    return "(lower(trimBoth("
        + text
        + ")) IN ("
        + NONE
        + ") OR match("
        + text
        + ", '^\\\\s*(0[xX])?0+\\\\s*$'))";
  }

  /**
   * A condition id: 64 hex digits, lower case, without 0x; empty where the text is none. A number
   * that lost its leading zeros gets them back, up to 8 of them; a decimal one is turned into hex.
   */
  public static String condition(String text) {
    String plain = "lower(trimBoth(" + text + "))";
    String hex = "if(startsWith(" + plain + ", '0x'), substring(" + plain + ", 3), " + plain + ")";
    return "multiIf(match("
        + hex
        + ", '^[0-9a-f]{56,64}$'), if(match("
        + hex
        + ", '[^0]'), leftPad("
        + hex
        + ", 64, '0'), ''), match("
        + plain
        + ", '^[1-9][0-9]{64,77}$'), leftPad(lower(hex(toUInt256OrZero("
        + plain
        + "))), 64, '0'), '')";
  }

  /**
   * An id in its normal form, if it has one: otherwise the text in lower case, so that nothing is
   * lost, and an empty text where it stands for no id.
   *
   * @param form the expression that brings the text into its form
   */
  public static String orText(String form, String text) {
    return "multiIf("
        + form
        + " != '', "
        + form
        + ", "
        + isNone(text)
        + ", '', lower(trimBoth("
        + text
        + ")))";
  }

  /** A wallet: 0x and 40 hex digits, lower case; empty where the text is none. */
  public static String wallet(String text) {
    String plain = "lower(trimBoth(" + text + "))";
    String hex = "if(startsWith(" + plain + ", '0x'), substring(" + plain + ", 3), " + plain + ")";
    return "if(match(" + hex + ", '^[0-9a-f]{40}$'), concat('0x', " + hex + "), '')";
  }
}
