package polymarket.backfill.embedded;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An error of ClickHouse itself, with its own code and its text "Code: N. DB::Exception: ...
 * (NAME)".
 */
final class EngineException extends RuntimeException {
  private static final Pattern CODE = Pattern.compile("\\ACode: (\\d+)\\. DB::Exception: ");
  // errors from the client side of libchdb are wrapped in the same code once or twice more
  private static final Pattern TWICE =
      Pattern.compile(
          "\\A(Code: \\d+\\. DB::Exception: )\\1(.*) \\(version [^)]*\\)\\. \\([A-Z0-9_]+\\)\\z",
          Pattern.DOTALL);
  private static final Pattern VERSION = Pattern.compile(" \\(version [^()]*\\)\\s*\\z");

  final int code;
  private final int status;

  EngineException(int code, String name, String text) {
    this(code, name, 0, text);
  }

  /**
   * @param status of HTTP, where it differs from the usual one of the code
   */
  EngineException(int code, String name, int status, String text) {
    super("Code: " + code + ". DB::Exception: " + text + " (" + name + ")");
    this.code = code;
    this.status = status;
  }

  /**
   * @param text the error text of libchdb; without a code it gets 1001 (STD_EXCEPTION), as in
   *     ClickHouse
   */
  EngineException(String text) {
    super(
        CODE.matcher(text).find()
            ? once(text)
            : "Code: 1001. DB::Exception: " + text + " (STD_EXCEPTION)");
    status = 0;
    Matcher m = CODE.matcher(getMessage());
    code = m.find() ? Integer.parseInt(m.group(1)) : 1001;
  }

  private static String once(String text) {
    String s = VERSION.matcher(text).replaceFirst("");
    for (Matcher m = TWICE.matcher(s); m.matches(); m = TWICE.matcher(s)) {
      s = m.group(1) + m.group(2);
    }
    return s;
  }

  /** HTTP status of this error, from ClickHouse's src/Server/HTTP/exceptionCodeToHTTPStatus.cpp. */
  int httpStatus() {
    return status > 0 ? status : statusOf(code);
  }

  private static int statusOf(int code) {
    return switch (code) {
      case 194 -> 401;
      case 192, 193, 516, 512, 497 -> 403;
      case 36,
          427,
          6,
          25,
          26,
          38,
          41,
          72,
          441,
          675,
          676,
          27,
          376,
          15,
          44,
          37,
          123,
          8,
          167,
          168,
          223,
          62,
          117,
          53,
          321 ->
          400;
      case 60, 46, 47, 50, 56, 81, 115, 152, 63, 73, 336, 78, 511 -> 404;
      case 229 -> 413;
      case 48 -> 501;
      case 209, 76, 439 -> 503;
      case 381 -> 411;
      case 159 -> 408;
      case 779 -> 415;
      default -> 500;
    };
  }
}
