'use strict'

// The style of this repository (two spaces, no semicolons), and rules that find mistakes.

const js = require('@eslint/js')
const stylistic = require('@stylistic/eslint-plugin')
const node = require('eslint-plugin-n')
const globals = require('globals')

const style = stylistic.configs.customize({
  indent: 2, quotes: 'single', semi: false, commaDangle: 'never', braceStyle: '1tbs', arrowParens: true
})

module.exports = [
  {
    ignores: [
      '__test__/fixtures/**', // made by compilers
      '**/out/**',
      'bench/results/**',
      'target/**'
    ]
  },
  js.configs.recommended,
  node.configs['flat/recommended-script'],
  style,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: 'commonjs', globals: { ...globals.node } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'array-callback-return': ['error', { allowImplicit: true }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-empty': ['error', { allowEmptyCatch: true }],
      'no-self-compare': 'error',
      'no-throw-literal': 'error',
      'no-unused-vars': ['error', { args: 'none', caughtErrors: 'all', ignoreRestSiblings: true }],
      'no-var': 'error',
      'prefer-const': ['error', { destructuring: 'all', ignoreReadBeforeAssign: true }],
      'n/no-process-exit': 'off', // Scripts and children that tests start end that way.
      // `fetch`, `navigator` and their like are stable enough in every version that is supported, or asked for before use.
      'n/no-unsupported-features/node-builtins': ['error', {
        allowExperimental: true,
        ignores: ['navigator', 'navigator.languages', 'process.features.require_module', 'process.sourceMapsEnabled', 'vm.constants', 'test.describe']
      }],
      '@stylistic/indent': ['error', 2, { SwitchCase: 1, ignoredNodes: ['ConditionalExpression'] }],
      '@stylistic/generator-star-spacing': ['error', 'both'],
      '@stylistic/yield-star-spacing': ['error', 'both'],
      '@stylistic/indent-binary-ops': 'off',
      '@stylistic/max-statements-per-line': 'off',
      '@stylistic/multiline-ternary': 'off',
      '@stylistic/operator-linebreak': ['error', 'after', { overrides: { '?': 'before', ':': 'before' } }],
      '@stylistic/quote-props': 'off',
      '@stylistic/quotes': ['error', 'single', { avoidEscape: true, allowTemplateLiterals: 'always' }],
      '@stylistic/space-before-function-paren': ['error', 'always']
    }
  },
  { files: ['**/*.mjs'], languageOptions: { sourceType: 'module' } },
  {
    // Run in a browser.
    files: ['lib/leaks/page.js', 'examples/service/page/**'],
    languageOptions: { globals: { ...globals.browser, GRAPHS: 'readonly' } },
    rules: { 'n/no-unsupported-features/node-builtins': 'off' }
  },
  {
    // Its packages are installed by whoever tries it.
    files: ['examples/fresh-postgres/**'],
    rules: { 'n/no-missing-require': 'off', 'n/no-missing-import': 'off' }
  },
  {
    files: ['__test__/**', 'bench/**', 'fuzz/**'],
    languageOptions: { globals: { gc: 'readonly' } },
    rules: {
      'array-callback-return': 'off',
      // Asked for before use.
      'n/no-unsupported-features/es-builtins': 'off',
      'n/no-unsupported-features/es-syntax': 'off'
    }
  },
  {
    // `onBoth` sends its functions to another process as text (`support/hosts.js`), where they find these names and
    // these folders; tests also make packages on the spot.
    files: ['__test__/**'],
    languageOptions: { globals: { assert: 'readonly', crash: 'readonly', emvm: 'readonly', faults: 'readonly', host: 'readonly', thrown: 'readonly' } },
    rules: { 'n/no-missing-require': 'off', 'no-redeclare': ['error', { builtinGlobals: false }] }
  }
]
