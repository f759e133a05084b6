package polymarket.backfill.sandbox;

/** What a market is called: with what is hard to store in it. */
final class MarketTexts {
  private static final String[] THINGS = {
    "Bitcoin",
    "the \"Fed\"",
    "O'Brien",
    "Zürich FC",
    "Ethereum \\ L2",
    "a 🚀 launch",
    "São Paulo",
    "the S&P 500",
    "Team <A>",
    "日本"
  };

  static String question(Market m) {
    int thing = Mix.below(m.hash(30), THINGS.length);
    String end =
        switch (Mix.below(m.hash(31), 40)) {
          case 0 -> "?\n(second line)";
          case 1 -> "? 🎉";
          default -> "?";
        };
    return "Will "
        + THINGS[thing]
        + " reach "
        + (1 + Mix.below(m.hash(32), 990))
        + " in event "
        + m.number / 8
        + "."
        + m.number % 8
        + end;
  }

  static String description(Market m) {
    return "This market will resolve to \""
        + outcome(m, 0)
        + "\" if it does.\n\nOtherwise it resolves to '"
        + outcome(m, m.outcomes - 1)
        + "'. Source: https://example.org/?q="
        + m.number
        + "&a=b\\c\tIf 50-50 applies, it does.";
  }

  static String slug(Market m) {
    return "will-event-"
        + m.number / 8
        + "-"
        + m.number % 8
        + "-reach-"
        + (1 + Mix.below(m.hash(32), 990));
  }

  private static final String[] NAMES = {
    "Alpha", "Beta \"B\"", "Gamma's", "Δelta", "Epsilon, Inc.", "Zeta", "None of these"
  };

  static String outcome(Market m, int outcome) {
    if (m.outcomes > 2) {
      return NAMES[outcome];
    }
    int kind = Mix.below(m.hash(33), 10);
    return kind < 7
        ? (outcome == 0 ? "Yes" : "No")
        : kind < 8 ? (outcome == 0 ? "Up" : "Down") : (outcome == 0 ? "O'Neil's" : "The \"Reds\"");
  }

  private MarketTexts() {}
}
