package polymarket.backfill;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.simpleNameStartingWith;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What may know what, among the packages. docs/ARCHITECTURE.md draws it. */
class ArchitectureTest {

  private static final String ROOT = "polymarket.backfill";
  private static final Path SOURCES = TestBed.PROJECT.resolve("src/main/java/polymarket/backfill");
  private static final Pattern TEXT = Pattern.compile("\"([^\"\n]*)\"");

  private static final JavaClasses PROGRAM =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages(ROOT);

  @Test
  void packagesHaveNoCycles() {
    slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(PROGRAM);
  }

  @Test
  void theTopPackage_usesNoOther() {
    noClasses()
        .that()
        .resideInAPackage(ROOT)
        .should()
        .dependOnClassesThat(resideInAPackage(ROOT + ".(*)..").and(not(resideInAPackage(ROOT))))
        .check(PROGRAM);
  }

  @Test
  void theSandboxAndTheBenchmark_importNothingOfTheProgram() {
    for (String beside : List.of("sandbox", "benchmark")) {
      classes()
          .that()
          .resideInAPackage(ROOT + "." + beside + "..")
          .should()
          .onlyDependOnClassesThat(
              resideInAPackage(ROOT + "." + beside + "..").or(not(resideInAPackage(ROOT + ".."))))
          .check(PROGRAM);
    }
  }

  @Test
  void onlyTheCommandsThatStartThem_importSandboxAndBenchmark() {
    noClasses()
        .that()
        .resideOutsideOfPackages(ROOT + ".sandbox..", ROOT + ".cli..")
        .should()
        .dependOnClassesThat(resideInAPackage(ROOT + ".sandbox.."))
        .check(PROGRAM);
    noClasses()
        .that()
        .resideOutsideOfPackage(ROOT + ".benchmark..")
        .and(not(simpleNameStartingWith("Benchmark").and(resideInAPackage(ROOT + ".cli"))))
        .should()
        .dependOnClassesThat(resideInAPackage(ROOT + ".benchmark.."))
        .check(PROGRAM);
  }

  @Test
  void noClassIsNamedInAString() throws IOException {
    assertEquals(List.of(), texts(SOURCES, text -> text.contains(ROOT + ".")));
  }

  @Test
  void noEngineNamesAJobOrASource() throws IOException {
    List<String> jobs = names("jobs");
    // a table that views and checks read has the name of a job
    jobs.remove("trades");
    String sources = names("sources").stream().map(Pattern::quote).collect(joining("|"));
    Pattern source = Pattern.compile("(?<![\\w-])(?:" + sources + ")(?![\\w-])");
    List<String> found = new ArrayList<>();
    try (Stream<Path> packages = Files.list(SOURCES)) {
      for (Path engine : packages.sorted().toList()) {
        // what is Polymarket's own, the commands, and what stands beside the program may
        if (!List.of("polymarket", "cli", "sandbox", "benchmark")
            .contains(engine.getFileName().toString())) {
          found.addAll(
              texts(
                  engine,
                  text ->
                      jobs.contains(text)
                          || source.matcher(text).find()
                          || text.contains("resolutions_external_ingest")
                          || text.contains("api.goldsky.com")));
        }
      }
    }
    assertEquals(List.of(), found);
  }

  private static List<String> names(String folder) throws IOException {
    try (Stream<Path> files = Files.list(TestBed.PROJECT.resolve("routes").resolve(folder))) {
      return new ArrayList<>(
          files
              .map(file -> file.getFileName().toString())
              .filter(file -> file.endsWith(".camel.yaml"))
              .map(file -> file.replace(".camel.yaml", ""))
              .toList());
    }
  }

  /** The string literals in a file or a folder's files that fit, each with its file. */
  private static List<String> texts(Path from, Predicate<String> fits) throws IOException {
    List<String> found = new ArrayList<>();
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.filter(path -> path.toString().endsWith(".java")).toList()) {
        Matcher text =
            TEXT.matcher(Files.readString(file).replaceAll("(?m)^\\s*(//|/?\\*).*$", ""));
        while (text.find()) {
          if (fits.test(text.group(1))) {
            found.add(SOURCES.relativize(file) + ": " + text.group());
          }
        }
      }
    }
    return found;
  }
}
